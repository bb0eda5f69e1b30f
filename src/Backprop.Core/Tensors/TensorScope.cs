namespace Backprop.Tensors;

/// <summary>The owner of tensors that live for one step. The tape is the only one; tensors need not know more of it.</summary>
internal abstract class TensorScope
{
}
