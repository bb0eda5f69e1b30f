#!/usr/bin/env python3
"""The training steps of Backprop.Gpu.Check in PyTorch (eager), under the same names.

    torch_steps.py [--json FILE] [--quick] [--only BEGINNING,...] [--channels-last]   on the first CUDA device
    torch_steps.py --compare CHECK.json [...]                                         and the ratios with a report of the check
    torch_steps.py --compare CHECK.json --from TORCH.json                             the ratios of two reports that are there
    torch_steps.py --cpu --quick                                                      tiny steps on the processor, to try this program

A line is `name`, median milliseconds, `ms`, and details, with tabs between. Endings of names: f32 (TF32 off), tf32 (TF32 on),
bf16 (autocast), fp16 (autocast and GradScaler). A ratio above 1 says that the engine is faster; the engine's f32 is compared
with both f32 and tf32.

Every step: the mini-batch from page-locked memory to the device, zero_grad (set to none), forward, cross entropy, backward,
plain gradient descent with rate 0.01, and one wait for the loss.
"""
import argparse
import json
import sys
import time

CLASSES = 10


def build(torch, name, tiny):
    """The network of that name and the shape of its input; the definitions of benchmarks/Figures."""
    nn = torch.nn

    class Block(nn.Module):
        """With more channels than it is given it halves the images, and projects past itself."""

        def __init__(self, channels, filters):
            super().__init__()
            stride = 1 if channels == filters else 2
            self.conv1 = nn.Conv2d(channels, filters, 3, stride=stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(filters)
            self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(filters)
            self.projection = None if channels == filters else nn.Sequential(
                nn.Conv2d(channels, filters, 1, stride=stride, bias=False), nn.BatchNorm2d(filters))

        def forward(self, x):
            inner = torch.relu_(self.norm1(self.conv1(x)))
            y = self.norm2(self.conv2(inner))
            return torch.relu_(y.add_(x if self.projection is None else self.projection(x)))

    def plain(channels, size, hidden):
        side = size // 4
        return nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * side * side, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, CLASSES))

    if name == "mlp":
        return nn.Sequential(nn.Linear(784, 256), nn.ReLU(inplace=True), nn.Linear(256, 128), nn.ReLU(inplace=True), nn.Linear(128, CLASSES)), (784,)
    if name == "lenet":
        size, hidden = (8, 16) if tiny else (28, 128)
        return plain(1, size, hidden), (1, size, size)
    if name == "cnn224":
        size, hidden = (8, 16) if tiny else (224, 512)
        return plain(3, size, hidden), (3, size, size)
    size = 4 if tiny else 32
    blocks = [Block(a, b) for a, b in [(16, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64)]]
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES)), (3, size, size)


def measure(torch, device, name, batch, form, tiny, quick, channels_last):
    """Median, least and most seconds of a step, and how much memory the steps took."""
    is_cuda = device == "cuda"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = form == "tf32"
    torch.manual_seed(1)
    if is_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    network, shape = build(torch, name, tiny)
    network = network.to(device).train()
    features = torch.rand((batch, *shape)) * 2 - 1
    labels = torch.randint(0, CLASSES, (batch,))
    if channels_last and len(shape) == 3:
        network = network.to(memory_format=torch.channels_last)
        features = features.contiguous(memory_format=torch.channels_last)
    if is_cuda:
        features, labels = features.pin_memory(), labels.pin_memory()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    criterion = torch.nn.CrossEntropyLoss()
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(form)
    scaler = torch.amp.GradScaler(device) if form == "fp16" and hasattr(torch, "amp") and hasattr(torch.amp, "GradScaler") \
        else torch.cuda.amp.GradScaler() if form == "fp16" else None

    def step():
        x = features.to(device, non_blocking=True)
        y = labels.to(device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        if dtype is None:
            loss = criterion(network(x), y)
        else:
            with torch.autocast(device_type=device, dtype=dtype):
                loss = criterion(network(x), y)
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return loss.item()

    # The limits of TimedBatches.cs.
    warm_steps, warm_seconds, fewest, most, wanted, at_most = \
        (1, 0.0, 2, 2, 0.0, 60.0) if tiny else (12, 0.3, 5, 200, 0.5, 6.0) if quick else (12, 0.7, 10, 500, 1.5, 15.0)
    seconds = []
    begin = last = time.perf_counter()
    steps = 0
    while True:
        step()
        now = time.perf_counter()
        steps += 1
        is_late = now - begin >= at_most
        if seconds or is_late or (steps > warm_steps and now - begin >= warm_seconds):
            seconds.append(now - last)
        last = now
        if len(seconds) >= most or (len(seconds) >= fewest and sum(seconds) >= wanted) or (is_late and len(seconds) >= 2):
            break
    seconds.sort()
    memory = (torch.cuda.max_memory_allocated() / 2**20, torch.cuda.max_memory_reserved() / 2**20) if is_cuda else (0.0, 0.0)
    return seconds[len(seconds) // 2], seconds[0], seconds[-1], len(seconds), memory


def take(options):
    """All figures, printed as they come."""
    import torch
    device = "cpu" if options.cpu else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("There is no CUDA device that this PyTorch can use. With --cpu --quick it can be tried on the processor.")
    torch.backends.cudnn.benchmark = True
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name(0) if device == 'cuda' else 'processor'}", file=sys.stderr)
    only = [name for name in (options.only or "").split(",") if name]
    figures = {}
    for name in ("mlp", "lenet", "cnn224", "resnet14"):
        tiny = options.cpu and options.quick
        shown = name if not tiny or name == "mlp" else f"{name}.tiny{4 if name == 'resnet14' else 8}"
        for batch in (2,) if tiny else (128,) if options.quick else (128, 512):
            for form in ("f32", "bf16") if options.cpu else ("f32", "tf32", "bf16", "fp16"):
                full = f"step.{shown}.b{batch}.{form}"
                if only and not any(full.startswith(part) for part in only):
                    continue
                try:
                    median, least, largest, count, (used, reserved) = measure(torch, device, name, batch, form, tiny, options.quick, options.channels_last)
                except RuntimeError as error:  # out of memory is one of them
                    note = str(error).splitlines()[0]
                    figures[full] = {"name": full, "value": None, "unit": "ms", "note": note}
                    print(f"{full}\tnone\tms\t{note}", flush=True)
                    continue
                figures[full] = {"name": full, "value": median * 1e3, "unit": "ms", "details": {
                    "min": least * 1e3, "max": largest * 1e3, "steps": count, "rows_per_second": batch / median,
                    "memory_mib": used, "reserved_mib": reserved}}
                print(f"{full}\t{median * 1e3:.4f}\tms\tmin={least * 1e3:.4f}\tmax={largest * 1e3:.4f}\tsteps={count}\t"
                      f"rows_per_second={batch / median:.0f}\tmemory_mib={used:.0f}\treserved_mib={reserved:.0f}", flush=True)
    return {"device": torch.cuda.get_device_name(0) if device == "cuda" else "processor", "torch": torch.__version__, "figures": figures}


def compare(check, peer):
    """Times and memory of both, and how many times faster the engine is."""
    print("figure\tengine ms\tpytorch ms\tengine is faster\tengine MiB\tpytorch MiB")
    for name, figure in check["figures"].items():
        if not name.startswith("step."):
            continue
        stem, form = name.rsplit(".", 1)
        for other in ("f32", "tf32") if form == "f32" else (form,):
            twin = peer["figures"].get(f"{stem}.{other}")
            if twin is None:
                continue
            mine, theirs = figure.get("value"), twin.get("value")
            ratio = f"{theirs / mine:.2f}x" if mine and theirs else "-"
            memory = [f"{f['details']['memory_mib']:.0f}" if f.get("value") else "-" for f in (figure, twin)]
            times = [f"{value:.3f}" if value else "none" for value in (mine, theirs)]
            print("\t".join([f"{name} vs {other}" if other != form else name, *times, ratio, *memory]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="write the figures into this file, too")
    parser.add_argument("--quick", action="store_true", help="batch 128 alone, fewer repetitions")
    parser.add_argument("--cpu", action="store_true", help="on the processor")
    parser.add_argument("--only", help="beginnings of names, with commas between")
    parser.add_argument("--channels-last", action="store_true", help="images in the layout NHWC")
    parser.add_argument("--compare", metavar="CHECK.json", help="a report of Backprop.Gpu.Check --json")
    parser.add_argument("--from", dest="source", metavar="TORCH.json", help="compare with this report of this program instead of measuring")
    options = parser.parse_args()
    if options.source:
        with open(options.source, encoding="utf-8") as file:
            peer = json.load(file)
    else:
        peer = take(options)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(peer, file, indent=2)
    if options.compare:
        with open(options.compare, encoding="utf-8") as file:
            compare(json.load(file), peer)


if __name__ == "__main__":
    main()
