"""Newton's method: the hessian says how far to go, so that a few steps do what takes gradient descent thousands.

Two of Fisher's irises, told apart by four lengths: logistic regression, with a little weight decay so that there is a
best answer.
"""

import numpy as np

import micrograd_np as mg
from micrograd_np import nn

X, species = mg.data.iris()
chosen = species > 0  # versicolor and virginica, which overlap
x = np.concatenate([mg.data.standardise(X[chosen]), np.ones((chosen.sum(), 1))], axis=1)
y = species[chosen] - 1.0


def loss(w):
    return nn.binary_cross_entropy_with_logits(x @ w, y) + 0.001 * (w * w).sum()


loss_and_slope = mg.value_and_grad(loss)
curvature = mg.hessian(loss)


def newton(w):
    """The step to the minimum of the parabola that touches the loss at w."""
    return np.linalg.solve(curvature(w), loss_and_slope(w)[1])


def descent(w, alpha=2.0):
    return alpha * loss_and_slope(w)[1]


def minimise(step, steps, shown):
    """The size of the gradient before each step, and the weights after the last; stops where it is 0 to 12 digits."""
    w, slopes = np.zeros(x.shape[1]), []
    for j in range(steps):
        value, slope = loss_and_slope(w)
        slopes.append(np.linalg.norm(slope))
        if j in shown:
            print(f"{j:6,}  {value:.12f}  {slopes[-1]:.1e}")
        if slopes[-1] < 1e-12:
            break
        w = w - step(w)
    return slopes, w


def main(steps=20_000):
    """The sizes of the gradient on both ways, and the weights where they end."""
    print("Newton's method\n  step  loss            gradient")
    newtons, w = minimise(newton, steps, range(steps))
    print("\ngradient descent\n  step  loss            gradient")
    descents, slow = minimise(descent, steps, {0, 10, 100, 1000, 10_000, steps - 1})
    right = np.mean((x @ w > 0) == y)
    print(f"\n{len(newtons) - 1} steps against {len(descents):,}; the weights differ by {np.abs(w - slow).max():.0e}")
    print(f"{right:.0%} of {len(y)} flowers are told apart")
    return newtons, descents, w


if __name__ == "__main__":
    main()
