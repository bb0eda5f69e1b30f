// Starts the service, draws on its page and looks at what the page says. Called by run.sh.
"use strict";
const { spawn } = require("node:child_process");
const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { chromium } = require("playwright-core");

const [program, output] = process.argv.slice(2);
const arc = (cx, cy, rx, ry, from, to) => Array.from({ length: 25 }, (_, i) => {
  const angle = (from + (to - from) * i / 24) * Math.PI / 180;
  return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
});

// Strokes in parts of the pad, as a hand would draw them.
const digits = {
  0: [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
  1: [[[0.52, 0.18], [0.5, 0.82]]],
  2: [[...arc(0.5, 0.36, 0.18, 0.17, -170, 40), [0.32, 0.78], [0.7, 0.78]]],
  3: [[...arc(0.46, 0.34, 0.18, 0.15, -140, 90), ...arc(0.46, 0.66, 0.21, 0.17, -90, 140)]],
  4: [[[0.36, 0.2], [0.32, 0.52], [0.68, 0.52]], [[0.62, 0.22], [0.6, 0.82]]],
  5: [[[0.68, 0.2], [0.4, 0.2], [0.37, 0.46], ...arc(0.48, 0.62, 0.2, 0.19, -110, 140)]],
  6: [[[0.6, 0.18], [0.42, 0.42], ...arc(0.5, 0.64, 0.18, 0.18, -160, 200)]],
  7: [[[0.3, 0.22], [0.7, 0.22], [0.45, 0.82]]],
  8: [arc(0.5, 0.34, 0.15, 0.15, -90, 270), arc(0.5, 0.66, 0.18, 0.17, -90, 270)],
  9: [[...arc(0.5, 0.36, 0.17, 0.17, 0, 360), [0.62, 0.82]]],
};

let failures = 0;
function check(is, words) {
  console.log(`${is ? "ok  " : "FAIL"} ${words}`);
  if (!is) failures++;
}

async function startService(folder, port = 0) {
  const service = spawn("dotnet", [program, "--urls", `http://127.0.0.1:${port}`, `--Digits:ModelPath=${join(folder, "digits.zip")}`]);
  const address = await new Promise((resolve, reject) => {
    let text = "";
    service.stdout.on("data", data => {
      const found = (text += data).match(/Now listening on: (http:\S+)/);
      if (found) resolve(found[1]);
    });
    service.on("exit", code => reject(new Error(`The service ended (${code}): ${text}`)));
  });
  return { service, address };
}

async function stop(service) {
  if (service.exitCode !== null) return;
  const ended = new Promise(resolve => service.once("exit", resolve));
  service.kill("SIGTERM");
  await ended;
}

const shown = page => page.evaluate(() => ({
  label: document.getElementById("digit").textContent,
  shares: [...document.querySelectorAll(".share")].map(share => parseFloat(share.textContent)),
  widths: [...document.querySelectorAll(".fill")].map(fill => parseFloat(fill.style.width)),
  state: document.getElementById("state").textContent,
  isError: document.getElementById("state").classList.contains("error"),
}));

async function drawByMouse(page, strokes) {
  const box = await page.locator("#pad").boundingBox();
  for (const points of strokes) {
    const at = points.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
    await page.mouse.move(...at[0]);
    await page.mouse.down();
    for (const point of at.slice(1)) await page.mouse.move(...point, { steps: 6 });
    await page.mouse.up();
  }
}

async function drawByFinger(page, strokes) {
  const box = await page.locator("#pad").boundingBox(), session = await page.context().newCDPSession(page);
  for (const points of strokes) {
    const at = points.map(([x, y]) => ({ x: box.x + x * box.width, y: box.y + y * box.height }));
    await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at[0]] });
    for (const point of at.slice(1)) await session.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [point] });
    await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  }
}

async function checkDigit(page, digit, draw, how) {
  await page.locator("#clear").click();
  await page.waitForFunction(() => document.getElementById("digit").textContent === "");
  await draw(page, digits[digit]);
  await page.waitForFunction(label => document.getElementById("digit").textContent === label, String(digit), { timeout: 5000 }).catch(() => {});
  await page.waitForTimeout(300); // the last answer and the bars
  const now = await shown(page), sum = now.shares.reduce((a, b) => a + b, 0);
  check(now.label === String(digit), `a ${digit} drawn by ${how} is read as ${now.label || "nothing"} (${now.shares[digit]} %)`);
  check(Math.abs(sum - 100) < 1 && now.widths.every((width, i) => Math.abs(width - now.shares[i]) < 0.1), `  its ten probabilities make ${sum.toFixed(1)} %, and the bars are as long as they say`);
}

async function open(browser, address, options) {
  const page = await (await browser.newContext({ viewport: { width: 1000, height: 800 }, ...options })).newPage();
  page.on("pageerror", error => check(false, `the page threw: ${error.message}`));
  page.on("console", message => { if (message.type() === "error" && !/Failed to load resource/.test(message.text())) check(false, `the page's console: ${message.text()}`); });
  page.on("request", request => { if (!request.url().startsWith(address) && !request.url().startsWith("data:")) check(false, `the page asked for ${request.url()}`); });
  await page.goto(address);
  return page;
}

const ready = page => page.waitForFunction(() => document.getElementById("state").textContent.startsWith("Ready"), null, { timeout: 180_000 });
const picture = (page, name) => page.screenshot({ path: join(output, name), fullPage: true });

async function main() {
  const folder = mkdtempSync(join(tmpdir(), "web-service-"));
  let { service, address } = await startService(folder);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  try {
    const light = await open(browser, address, { colorScheme: "light" });
    await light.waitForFunction(() => /trained|starting|Ready/.test(document.getElementById("state").textContent));
    check(true, `at first the page says: ${(await shown(light)).state}`);
    await picture(light, "training.png");
    await ready(light);
    check(true, `later it says: ${(await shown(light)).state}`);
    await picture(light, "empty.png");

    for (const digit of Object.keys(digits)) await checkDigit(light, digit, drawByMouse, "mouse");
    await checkDigit(light, 3, drawByMouse, "mouse");
    await picture(light, "light.png");

    const dark = await open(browser, address, { colorScheme: "dark" });
    await ready(dark);
    await checkDigit(dark, 2, drawByMouse, "mouse in the dark");
    await picture(dark, "dark.png");

    const phone = await open(browser, address, { viewport: { width: 375, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
    await ready(phone);
    await checkDigit(phone, 7, drawByFinger, "finger");
    check(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "on a phone nothing is wider than the screen");
    await picture(phone, "phone.png");

    // By keyboard alone: Tab to the pad, pen down, a vertical line.
    const keys = await open(browser, address, { colorScheme: "light" });
    await ready(keys);
    await keys.keyboard.press("Tab");
    check(await keys.evaluate(() => document.activeElement.id === "pad"), "the first Tab goes to the pad");
    await keys.keyboard.press("Space");
    for (let i = 0; i < 13; i++) await keys.keyboard.press("ArrowDown");
    await keys.waitForFunction(() => document.getElementById("digit").textContent === "1", null, { timeout: 5000 }).catch(() => {});
    check((await shown(keys)).label === "1", "a 1 drawn with the arrow keys is read as 1");
    await keys.waitForFunction(() => /looks like a 1/.test(document.getElementById("spoken").textContent), null, { timeout: 5000 }).catch(() => {});
    check(/looks like a 1/.test(await keys.textContent("#spoken")), "and it is told to screen readers");
    await picture(keys, "keyboard.png");
    await keys.keyboard.press("Escape");
    await keys.waitForFunction(() => document.getElementById("digit").textContent === "", null, { timeout: 5000 }).catch(() => {});
    check((await shown(keys)).label === "", "Esc clears");

    // The service goes away and comes back.
    await stop(service);
    await drawByMouse(light, digits[1]);
    await light.waitForFunction(() => document.getElementById("state").classList.contains("error"), null, { timeout: 10_000 }).catch(() => {});
    const without = await shown(light);
    check(without.isError && /cannot be reached/.test(without.state), `without the service the page says: ${without.state}`);
    await picture(light, "unreachable.png");
    ({ service } = await startService(folder, new URL(address).port));
    await light.waitForFunction(() => !document.getElementById("state").classList.contains("error"), null, { timeout: 30_000 }).catch(() => {});
    check(!(await shown(light)).isError, "with the service back it goes on by itself");
  } finally {
    await browser.close();
    await stop(service);
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch(error => { console.error(error); failures++; }).finally(() => {
  console.log(failures === 0 ? `All is well. The screenshots are in ${output}.` : `${failures} checks failed.`);
  process.exit(failures === 0 ? 0 : 1);
});
