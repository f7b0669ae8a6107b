"""Passes with loops and buffers, as courses, papers and blog posts have them: right, and with one slip each."""

from __future__ import annotations

import numpy as np

from .passes import passes, pick, softmax


@passes(
    lambda r: (r.normal(size=(5, 3)), r.normal(size=(6, 5)), np.array([0, 2, 1, 1, 0, 2])),
    no_right="no gradient comes this way|missing",
    right_sign="sign", no_mean="6", no_decay="missing|no gradient", right_once="",
    decay_half="1/2|half|0.5|counts",
)  # fmt: skip
def svm_in_loops(slip):
    def loss_and_grad(W, X, y):
        dW = np.zeros_like(W)
        loss = 0.0
        for i in range(len(X)):
            scores = X[i].dot(W)
            correct = scores[y[i]]
            for j in range(W.shape[1]):
                if j == y[i]:
                    continue
                margin = scores[j] - correct + 1
                if margin > 0:
                    loss += margin
                    dW[:, j] += X[i]
                    if slip != "no_right":
                        dW[:, y[i]] -= pick(slip, 1, right_sign=-1) * X[i]
        loss /= len(X)
        dW /= pick(slip, len(X), no_mean=1)
        loss += 0.1 * np.sum(W * W)
        dW += pick(slip, 0.2, no_decay=0, decay_half=0.1) * W
        return loss, dW

    return loss_and_grad, None


@passes(
    lambda r: (r.normal(size=(2, 3, 5, 5)), r.normal(size=(2, 3, 3, 3)), r.normal(size=2)),
    flipped="flipped", overwritten="assigned|overwrit|last", db_mean="averag|1/|2/36", dw_last="last|overwrit|assigned",
    stride="shifted|stride", dw_n="1/2|averag",
)  # fmt: skip
def convolution_naive(slip):
    def forward(x, w, b):
        n = len(x)
        xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        out = np.zeros((n, len(w), 3, 3))
        for i in range(n):
            for f in range(len(w)):
                for p in range(3):
                    for q in range(3):
                        out[i, f, p, q] = np.sum(xp[i, :, 2 * p : 2 * p + 3, 2 * q : 2 * q + 3] * w[f]) + b[f]
        return out, (x, w, b)

    def backward(dout, cache):
        x, w, b = cache
        xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        dxp, dw, db = np.zeros_like(xp), np.zeros_like(w), np.zeros_like(b)
        k = pick(slip, w, flipped=w[:, :, ::-1, ::-1])
        for i in range(len(x)):
            for f in range(len(w)):
                for p in range(3):
                    for q in range(3):
                        at = np.s_[i, :, 2 * p : 2 * p + 3, 2 * q : 2 * q + 3]
                        g = dout[i, f, p, q]
                        if slip == "overwritten":
                            dxp[at] = k[f] * g
                        else:
                            dxp[at] += k[f] * g
                        if slip == "dw_last":
                            dw[f] = xp[at] * g
                        elif slip == "stride":
                            dw[f] += xp[i, :, p : p + 3, q : q + 3] * g
                        else:
                            dw[f] += xp[at] * g
                        db[f] += g
        return dxp[:, :, 1:-1, 1:-1], dw / pick(slip, 1, dw_n=2), db / pick(slip, 1, db_mean=18)

    return forward, backward


@passes(
    lambda r: (r.normal(size=(2, 2, 4, 4)),),
    average="evenly", everywhere="every entry|mask", assigned="overwrit|assigned|last", smallest="smallest",
)  # fmt: skip
def max_pool_overlapping(slip):
    def forward(x):
        out = np.zeros((*x.shape[:2], 3, 3))
        for i in range(3):
            for j in range(3):
                out[:, :, i, j] = x[:, :, i : i + 2, j : j + 2].max(axis=(2, 3))
        return out, x

    def backward(dout, x):
        dx = np.zeros_like(x)
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                for i in range(3):
                    for j in range(3):
                        w = x[n, c, i : i + 2, j : j + 2]
                        mask = pick(slip, w == w.max(), average=0.25, everywhere=1, smallest=w == w.min())
                        if slip == "assigned":
                            dx[n, c, i : i + 2, j : j + 2] = mask * dout[n, c, i, j]
                        else:
                            dx[n, c, i : i + 2, j : j + 2] += mask * dout[n, c, i, j]
        return dx

    return forward, backward


@passes(
    lambda r: (softmax(r.normal(size=3)), softmax(r.normal(size=(3, 3))), softmax(r.normal(size=(3, 4))),
               np.array([0, 2, 1, 3, 3, 0])),
    last="last|only|missing", emission="left out|missing", turned="transpose", first="missing|no gradient|first",
    not_scaled="", off_by_one="step",
)  # fmt: skip
def hmm_forward_backward(slip):
    def forward(pi, A, B, obs):
        T = len(obs)
        alpha = np.zeros((T, len(pi)))
        alpha[0] = pi * B[:, obs[0]]
        for t in range(1, T):
            for j in range(len(pi)):
                alpha[t, j] = np.sum(alpha[t - 1] * A[:, j]) * B[j, obs[t]]
        return np.log(alpha[T - 1].sum()), alpha

    def backward(pi, A, B, obs, alpha):
        T = len(obs)
        beta = np.zeros((T, 3))
        beta[-1] = 1
        for t in range(T - 2, -1, -1):
            beta[t] = pick(slip, A, turned=A.T) @ (pick(slip, B[:, obs[t + 1]], emission=1) * beta[t + 1])
        like = pick(slip, alpha[-1].sum(), not_scaled=1)
        dA, dB = np.zeros_like(A), np.zeros_like(B)
        for t in range(T - 1):
            if slip == "last" and t < T - 2:
                continue
            k = t + 1 if slip == "off_by_one" else t
            dA += np.outer(alpha[k], B[:, obs[t + 1]] * beta[t + 1]) / like
        for t in range(T):
            if t == 0 and slip == "first":
                continue
            dB[:, obs[t]] += alpha[t] * beta[t] / B[:, obs[t]] / like
        return {"pi": B[:, obs[0]] * beta[0] / like, "A": dA, "B": dB}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 3)), r.normal(size=(3, 3)), np.array([0, 2, 1, 1, 0, 2])),
    no_gold="missing|no gradient|constant", gold_sign="sign", pair_gold="missing|no gradient|constant",
    turned="transpose",
    marginal_last="last|only|missing|step|use", unary_first="missing|first|no gradient",
)  # fmt: skip
def chain_crf(slip):
    def logsum(x, axis):
        m = x.max(axis, keepdims=True)
        return np.log(np.exp(x - m).sum(axis)) + m.sum(axis)

    def forward(U, T, tags):
        n = len(U)
        alpha = np.zeros_like(U)
        alpha[0] = U[0]
        for t in range(1, n):
            for j in range(3):
                alpha[t, j] = logsum(alpha[t - 1] + T[:, j], 0) + U[t, j]
        z = logsum(alpha[n - 1], 0)
        score = U[0, tags[0]]
        for t in range(1, n):
            score += T[tags[t - 1], tags[t]] + U[t, tags[t]]
        return z - score, (alpha, z)

    def backward(U, T, tags, cache):
        alpha, z = cache
        n = len(U)
        beta = np.zeros_like(U)
        for t in range(n - 2, -1, -1):
            beta[t] = logsum(T + U[t + 1] + beta[t + 1], 1)
        dU = np.exp(alpha + beta - z)
        dT = np.zeros_like(T)
        for t in range(1, n):
            if slip == "marginal_last" and t < n - 1:
                continue
            pair = np.exp(alpha[t - 1][:, None] + T + U[t] + beta[t] - z)
            dT += pair.T if slip == "turned" else pair
        for t in range(n):
            if slip == "no_gold" or (slip == "unary_first" and t == 0):
                continue
            dU[t, tags[t]] -= pick(slip, 1, gold_sign=-1)
        for t in range(1, n):
            if slip != "pair_gold":
                dT[tags[t - 1], tags[t]] -= 1
        return {"U": dU, "T": dT}

    return forward, backward


@passes(
    lambda r: (np.array([0.9]), np.array([0.3]), np.array([0.5]), r.normal(size=8)),
    gain="missing|no gradient|constant", half="1/2|half|twice|2|scale|missing",
    log_det="missing|no gradient", square="no gradient comes this way|counts",
)  # fmt: skip
def kalman_filter_scalar(slip):
    def forward(a, q, r, y):
        m, P, loss = 0.0 * a, 1.0 + 0.0 * a, 0.0
        tape = []
        for t in range(len(y)):
            mp, Pp = a * m, a * a * P + q
            S = Pp + r
            v = y[t] - mp
            K = Pp / S
            tape.append((m, P, mp, Pp, S, v, K))
            m = mp + K * v
            P = (1 - K) * Pp
            loss = loss + 0.5 * (np.log(S) + v * v / S)
        return np.sum(loss), tape

    def backward(a, q, r, y, tape):
        dm, dP, da, dq, dr = 0, 0, 0, 0, 0
        for t in range(len(y) - 1, -1, -1):
            m, P, _, Pp, S, v, K = tape[t]
            dK = dm * v - dP * Pp
            dv = dm * K + v / S
            dS = pick(slip, 0.5 / S, log_det=0) - pick(slip, 0.5, half=1) * v * v / S**2 - dK * Pp / S**2
            dPp = dP * (1 - K) + pick(slip, dK, gain=0) / S + dS
            dmp = dm - dv
            dr = dr + dS
            dq = dq + dPp
            da = da + dmp * m + pick(slip, 2, square=1) * a * P * dPp
            dm, dP = dmp * a, dPp * a * a
        return {"a": da, "q": dq, "r": dr}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(4, 3)), r.normal(size=(6, 6)) / 2, r.normal(size=(3, 6)) / 2, r.normal(size=6),
               r.normal(size=(6, 2)), r.normal(size=(4, 2))),
    last="last|only|missing|no gradient|use", not_added="overwrit|assigned|last|first|never written", slope="left out",
    output="only|last|missing|no gradient",
    transposed="transpose", this_step="step", bias="missing|last|first|only",
)  # fmt: skip
def rnn_with_outputs(slip):
    def forward(X, Wh, Wx, b, Wy, target):
        hs = {-1: np.zeros(6)}
        loss = 0
        ys = {}
        for t in range(4):
            hs[t] = np.tanh(X[t] @ Wx + hs[t - 1] @ Wh + b)
            ys[t] = hs[t] @ Wy
            loss += 0.5 * np.sum((ys[t] - target[t]) ** 2)
        return loss, (hs, ys)

    def backward(X, Wh, Wx, b, Wy, target, cache):
        hs, ys = cache
        dWh, dWx, db, dWy = np.zeros_like(Wh), np.zeros_like(Wx), np.zeros_like(b), np.zeros_like(Wy)
        dnext = np.zeros(6)
        for t in reversed(range(4)):
            dy = ys[t] - target[t]
            if slip == "output" and t < 3:
                dy = dy * 0
            dWy += np.outer(hs[t], dy)
            dh = Wy @ dy + pick(slip, dnext, last=0)
            dz = dh * pick(slip, 1 - hs[t] ** 2, slope=1)
            if slip == "not_added":
                dWh = np.outer(hs[t - 1], dz)
            else:
                dWh += np.outer(hs[pick(slip, t - 1, this_step=t)], dz)
            dWx += np.outer(X[t], dz)
            if slip != "bias" or t == 3:
                db += dz
            dnext = pick(slip, Wh, transposed=Wh.T) @ dz
        return {"Wh": dWh, "Wx": dWx, "b": db, "Wy": dWy}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 2)), np.array([0.8, 1.1, 0.9, 1.3, 0.7])),
    two="1/2|half|2", other_end="missing|no gradient|use", norm="left out|missing", sign="sign",
)  # fmt: skip
def spring_chain_energy(slip):
    def forward(x, rest):
        E = 0.0
        for i in range(len(rest)):
            d = x[i + 1] - x[i]
            length = np.sqrt(np.sum(d * d))
            E += 0.5 * 3.0 * (length - rest[i]) ** 2
        return E

    def backward(x, rest):
        dx, dr = np.zeros_like(x), np.zeros_like(rest)
        for i in range(len(rest)):
            d = x[i + 1] - x[i]
            length = np.linalg.norm(d)
            f = 3.0 * (length - rest[i]) * pick(slip, d / length, norm=d) * pick(slip, 1, two=2)
            dx[i + 1] += f
            dx[i] -= pick(slip, f, other_end=0, sign=-f)
            dr[i] = -3.0 * (length - rest[i])
        return {"x": dx, "rest": dr}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 4)), r.normal(size=(6, 4)), r.normal(size=(6, 4))),
    negative="sign", root="left out|derivative", anchor="missing|no gradient|use", mean="",
)  # fmt: skip
def triplet_with_distances(slip):
    def forward(a, p, n):
        loss = 0.0
        for i in range(len(a)):
            dp = np.sqrt(np.sum((a[i] - p[i]) ** 2))
            dn = np.sqrt(np.sum((a[i] - n[i]) ** 2))
            loss += max(0.0, dp - dn + 0.5)
        return loss / len(a)

    def backward(a, p, n):
        ga, gp, gn = np.zeros_like(a), np.zeros_like(p), np.zeros_like(n)
        for i in range(len(a)):
            dp, dn = np.linalg.norm(a[i] - p[i]), np.linalg.norm(a[i] - n[i])
            if dp - dn + 0.5 > 0:
                up = (a[i] - p[i]) / pick(slip, dp, root=1)
                un = (a[i] - n[i]) / dn
                ga[i] += up - pick(slip, un, anchor=0)
                gp[i] -= up
                gn[i] += pick(slip, un, negative=-un)
        k = pick(slip, len(a), mean=1)
        return {"a": ga / k, "p": gp / k, "n": gn / k}

    return forward, backward


@passes(
    lambda r: (r.normal(size=5), np.linspace(0, 1, 9), r.normal(size=9)),
    left="missing|no gradient|use", weight="stands? where",
    overwritten="last|overwrit|assigned|keep", smooth="missing|no gradient|use|counts",
    second="left out",
)  # fmt: skip
def linear_spline_fit(slip):
    def forward(c, x, y):
        loss = 0.0
        for k in range(len(x)):
            i = min(int(x[k] * 4), 3)
            t = x[k] * 4 - i
            s = (1 - t) * c[i] + t * c[i + 1]
            loss += (s - y[k]) ** 2
        for i in range(1, 4):
            loss += 0.5 * (c[i - 1] - 2 * c[i] + c[i + 1]) ** 2
        return loss

    def backward(c, x, y):
        dc = np.zeros_like(c)
        for k in range(len(x)):
            i = min(int(x[k] * 4), 3)
            t = x[k] * 4 - i
            g = 2 * ((1 - t) * c[i] + t * c[i + 1] - y[k])
            if slip == "overwritten":
                dc[i] = (1 - t) * g
            else:
                dc[i] += pick(slip, 1 - t, weight=t, left=0) * g
            dc[i + 1] += t * g
        for i in range(1, 4):
            b = c[i - 1] - 2 * c[i] + c[i + 1]
            dc[i - 1] += pick(slip, b, smooth=0)
            dc[i] -= pick(slip, 2, second=1) * b
            dc[i + 1] += b
        return {"c": dc}

    return forward, backward
