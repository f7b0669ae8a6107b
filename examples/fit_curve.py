"""A damped oscillation and how well its four parameters are known: no neural network, the same derivatives.

The parameters that make the measurement likeliest are found by Newton's method; the inverse of the hessian there is
their covariance. Whether these uncertainties can be believed is tried: the measurement is repeated many times, and the
truth has to lie within one standard error in 68 % of the cases.
"""

import numpy as np

import micrograd_np as mg

NAMES = ["amplitude", "damping", "frequency", "phase"]
TRUTH = np.array([1.0, 0.15, 2.0, 0.4])
GUESS = np.array([0.8, 0.1, 1.9, 0.0])
NOISE = 0.1
t = np.linspace(0, 10, 60)


def oscillation(p):
    amplitude, damping, frequency, phase = p
    return amplitude * np.exp(-damping * t) * np.cos(frequency * t + phase)


def unlikeliness(p, measured):
    """Minus the logarithm of the likelihood, without its constant."""
    return np.sum(np.square((measured - oscillation(p)) / NOISE)) / 2


value_and_slope = mg.value_and_grad(unlikeliness)
curvature = mg.hessian(unlikeliness)


def fit(measured, steps=50):
    """The likeliest parameters and their covariance, by Newton's method with Levenberg's damping."""
    p, caution = GUESS, 1.0
    value, slope = value_and_slope(p, measured)
    for _ in range(steps):
        hessian = curvature(p, measured)
        slopes = np.maximum(np.abs(np.diagonal(hessian)), 1)
        trial = p - np.linalg.solve(hessian + caution * np.diag(slopes), slope)
        there, slope_there = value_and_slope(trial, measured)
        if there <= value:
            p, value, slope, caution = trial, there, slope_there, caution / 10
        else:
            caution *= 10
        if np.abs(slope).max() < 1e-8:
            break
    return p, np.linalg.inv(curvature(p, measured))


def main(repeats=200, seed=0):
    """One fit with its standard errors, and how often the truth lies within them in repeated measurements."""
    rng = np.random.default_rng(seed)
    p, covariance = fit(oscillation(TRUTH) + NOISE * rng.normal(size=t.shape))
    errors = np.sqrt(np.diagonal(covariance))
    print("parameter      truth    fitted")
    for name, true, fitted, error in zip(NAMES, TRUTH, p, errors, strict=True):
        print(f"{name:10} {true:9.4f} {fitted:9.4f} ± {error:.4f}")

    within = []
    for _ in range(repeats):
        again, covariance = fit(oscillation(TRUTH) + NOISE * rng.normal(size=t.shape))
        within.append(np.abs(again - TRUTH) < np.sqrt(np.diagonal(covariance)))
    shares = np.mean(within, axis=0)
    print(f"within one standard error in {repeats} measurements: " + ", ".join(f"{share:.0%}" for share in shares))
    return p, errors, shares


if __name__ == "__main__":
    main()
