"""The taps of programs that use HIPS autograd: `grad`, `value_and_grad`, `jacobian` and the like.

autograd makes a `VJPNode` for each function of a boxed argument, and `backward_pass` calls their
`vjp`. Both are tapped in the program's own autograd: the `vjp` of each node is replaced by a
callable that holds what is known of the node, for as long as the node lives, and notes what comes
in and what is sent on. Each run of `backward_pass` is a pass.
"""
