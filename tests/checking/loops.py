"""Passes with loops and buffers, as courses, papers and blog posts have them: right, and with one slip each."""

from __future__ import annotations

import numpy as np

from .passes import passes, pick, sigmoid, softmax


@passes(
    lambda r: (r.normal(size=(5, 3)), r.normal(size=(6, 5)), np.array([0, 2, 1, 1, 0, 2])),
    no_right="missing|left out", right_sign="sign", no_mean="6", no_decay="missing|no gradient", right_once="",
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
    flipped="flipped", overwritten="assigned|overwrit|last", db_mean="averag|1/", dw_last="last|overwrit|assigned",
    channel="", stride="shifted|stride", pad="", dw_n="1/2|averag",
)  # fmt: skip
def convolution_naive(slip):
    def forward(x, w, b):
        n, c, h, wd = x.shape
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
        k = pick(slip, w, flipped=w[:, :, ::-1, ::-1], channel=w[:, ::-1])
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
        dx = dxp[:, :, 1:-1, 1:-1] if slip != "pad" else dxp[:, :, :-2, :-2]
        return dx, dw / pick(slip, 1, dw_n=2), db / pick(slip, 1, db_mean=18)

    return forward, backward


@passes(
    lambda r: (r.normal(size=(2, 2, 4, 4)),),
    average="evenly", everywhere="every entry|mask", assigned="overwrit|assigned|last", smallest="smallest",
)  # fmt: skip
def max_pool_overlapping(slip):
    def forward(x):
        n, c, h, w = x.shape
        out = np.zeros((n, c, 3, 3))
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
    no_gold="missing|no gradient|constant", gold_sign="sign", pair_gold="missing|no gradient|constant", turned="transpose",
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
    gain="missing|no gradient|constant", carry="missing|no gradient|constant", half="1/2|half|twice|2|scale|missing",
    log_det="missing|no gradient", square="twice|left out|once|missing|counts|exponent|transpose",
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
            m, P, mp, Pp, S, v, K = tape[t]
            dK = dm * v - dP * Pp
            dv = dm * K + v / S
            dS = pick(slip, 0.5 / S, log_det=0) - pick(slip, 0.5, half=1) * v * v / S**2 - dK * Pp / S**2
            dPp = dP * (1 - K) + pick(slip, dK, gain=0) / S + dS
            dmp = pick(slip, dm, carry=0) - dv
            dr = dr + dS
            dq = dq + dPp
            da = da + dmp * m + pick(slip, 2, square=1) * a * P * dPp
            dm, dP = dmp * a, dPp * a * a
        return {"a": da, "q": dq, "r": dr}

    return forward, backward


@passes(
    lambda r: (np.array([[0.9, 0.2], [-0.1, 0.8]]), np.array([[0.3, 0.1], [0.1, 0.4]]), np.array([[1.0, 0.5]]),
               r.normal(size=(5, 1))),
    turned="transpose", last="last|only|missing|step|use", innovation="missing|no gradient|constant",
    symmetric="missing|use|no gradient|counts", sign="sign",
)  # fmt: skip
def kalman_filter_matrix(slip):
    R = np.array([[0.5]])

    def forward(F, Q, H, y):
        m, P, loss, tape = np.zeros(2), np.eye(2), 0.0, []
        for t in range(5):
            mp = F @ m
            Pp = F @ P @ F.T + Q
            S = H @ Pp @ H.T + R
            v = y[t] - H @ mp
            Si = np.linalg.inv(S)
            K = Pp @ H.T @ Si
            tape.append((m, P, mp, Pp, v, Si, K))
            m, P = mp + K @ v, Pp - K @ H @ Pp
            loss = loss + 0.5 * (v @ Si @ v - np.log(np.linalg.det(Si)))
        return loss, tape

    def backward(F, Q, H, y, tape):
        dF, dQ, dH, dm, dP = np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((1, 2)), np.zeros(2), np.zeros((2, 2))
        for t in range(4, -1, -1):
            m, P, mp, Pp, v, Si, K = tape[t]
            dv = K.T @ dm + Si @ v
            dK = np.outer(dm, v) - dP @ Pp.T @ H.T
            dPp = dP - H.T @ K.T @ dP
            dH = dH - K.T @ dP @ Pp.T
            dSi = 0.5 * np.outer(v, v) - 0.5 * np.linalg.inv(Si).T + pick(slip, H @ Pp.T @ dK, innovation=0)
            dPp = dPp + dK @ Si.T @ H
            dH = dH + Si @ dK.T @ Pp
            dS = pick(slip, -1, sign=1) * Si.T @ dSi @ Si.T
            dH = dH + dS @ H @ Pp.T + dS.T @ H @ Pp
            dPp = dPp + H.T @ dS @ H
            dmp = dm - H.T @ dv
            dH = dH - np.outer(dv, mp)
            if slip != "last" or t == 4:
                dF = dF + np.outer(dmp, m) + dPp @ F @ P.T + pick(slip, dPp.T @ F @ P, symmetric=0)
                dQ = dQ + dPp
            dm = pick(slip, F.T, turned=F) @ dmp
            dP = F.T @ dPp @ F
        return {"F": dF, "Q": dQ, "H": dH}

    return forward, backward


@passes(
    lambda r: (r.normal(size=4), np.array([-1.0, 0.2, 1.1]), r.normal(size=(9, 4)), r.integers(0, 4, 9)),
    upper="missing|no gradient|use", lower_sign="sign", slope="left out|derivative", threshold="sign|opposite",
    prob="left out|missing|derivative",
)  # fmt: skip
def ordinal_regression(slip):
    def forward(w, theta, X, y):
        loss = 0.0
        for i in range(len(X)):
            s = X[i] @ w
            up = sigmoid(theta[y[i]] - s) if y[i] < 3 else 1.0
            lo = sigmoid(theta[y[i] - 1] - s) if y[i] > 0 else 0.0
            loss = loss - np.log(up - lo)
        return loss

    def backward(w, theta, X, y):
        dw, dth = np.zeros_like(w), np.zeros_like(theta)
        for i in range(len(X)):
            s = X[i] @ w
            up = sigmoid(theta[y[i]] - s) if y[i] < 3 else 1.0
            lo = sigmoid(theta[y[i] - 1] - s) if y[i] > 0 else 0.0
            g = -1 / pick(slip, up - lo, prob=1)
            du = pick(slip, up * (1 - up), slope=up if y[i] < 3 else 0) * g
            dl = -lo * (1 - lo) * g * pick(slip, 1, lower_sign=-1)
            if y[i] < 3:
                dth[y[i]] += pick(slip, du, upper=0)
            if y[i] > 0:
                dth[y[i] - 1] += dl
            dw -= (du + dl) * X[i]
        return {"w": dw, "theta": pick(slip, dth, threshold=-dth)}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(4, 3)), r.normal(size=(6, 6)) / 2, r.normal(size=(3, 6)) / 2, r.normal(size=6),
               r.normal(size=(6, 2)), r.normal(size=(4, 2))),
    last="last|only|missing|no gradient|use", not_added="overwrit|assigned|last|first", slope="left out", output="only|last|missing|no gradient",
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
    lambda r: (r.normal(size=(5, 2, 3)), r.normal(size=(3, 16)) / 2, r.normal(size=(4, 16)) / 2, r.normal(size=16) / 2),
    cell="missing|no gradient|last|only", hidden="missing|no gradient|last|only", forget="stands|step", slope="left out", candidate="derivative|sigmoid|1-",
    dh_of_loop="only|last|missing", output_tanh="left out",
)  # fmt: skip
def lstm_through_time(slip):
    def forward(x, Wx, Wh, b):
        T, N, D = x.shape
        H = 4
        h = np.zeros((T, N, H))
        ph, pc, cache = np.zeros((N, H)), np.zeros((N, H)), []
        for t in range(T):
            a = x[t] @ Wx + ph @ Wh + b
            i, f, o, g = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H]), np.tanh(a[:, 3 * H :])
            c = f * pc + i * g
            h[t] = o * np.tanh(c)
            cache.append((x[t], ph, pc, i, f, o, g, c))
            ph, pc = h[t], c
        return h, (Wx, Wh, cache)

    def backward(dh, state):
        Wx, Wh, cache = state
        T = len(cache)
        dx, dWx, dWh, db = np.zeros((T, 2, 3)), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(16)
        dprev, dcell = 0, 0
        for t in range(T - 1, -1, -1):
            xt, ph, pc, i, f, o, g, c = cache[t]
            d = pick(slip, dh[t], dh_of_loop=dh[t] if t == T - 1 else 0) + pick(slip, dprev, hidden=0)
            tc = np.tanh(c)
            dc = pick(slip, dcell, cell=0) + d * o * pick(slip, 1 - tc**2, output_tanh=1)
            da = np.hstack([
                dc * g * i * (1 - i),
                dc * pick(slip, pc, forget=c) * pick(slip, f * (1 - f), slope=1),
                d * tc * o * (1 - o),
                dc * i * pick(slip, 1 - g**2, candidate=g * (1 - g)),
            ])
            dx[t] = da @ Wx.T
            dWx += xt.T @ da
            dWh += ph.T @ da
            db += da.sum(0)
            dprev, dcell = da @ Wh.T, dc * f
        return dx, dWx, dWh, db

    return forward, backward


@passes(
    lambda r: (r.normal(size=(4, 3)), r.normal(size=3), r.normal(size=(3, 5)) / 2, r.normal(size=(3, 5)) / 2,
               r.normal(size=(3, 5)) / 2, r.normal(size=(5, 5)) / 2, r.normal(size=(5, 5)) / 2, r.normal(size=(5, 5)) / 2),
    reset="left out|missing|no gradient", keep="missing|no gradient|use", one_minus="left out|stands|1 minus|sign|missing|operand", candidate="left out|derivative",
    reset_slope="left out|derivative", gate="sign|missing|use",
)  # fmt: skip
def gru_through_time(slip):
    def forward(X, h0, Wz, Wr, Wn, Uz, Ur, Un):
        h, tape = np.zeros(5), []
        for t in range(4):
            z = sigmoid(X[t] @ Wz + h @ Uz)
            r = sigmoid(X[t] @ Wr + h @ Ur)
            n = np.tanh(X[t] @ Wn + (r * h) @ Un)
            tape.append((h, z, r, n))
            h = z * h + (1 - z) * n
        return 0.5 * np.sum(h**2), (tape, h)

    def backward(X, h0, Wz, Wr, Wn, Uz, Ur, Un, cache):
        tape, h = cache
        dWz, dWr, dWn, dUz, dUr, dUn = (np.zeros_like(w) for w in (Wz, Wr, Wn, Uz, Ur, Un))
        dh = h
        for t in range(3, -1, -1):
            h, z, r, n = tape[t]
            dn = dh * pick(slip, 1 - z, one_minus=z)
            dz = dh * pick(slip, h - n, gate=h)
            an = dn * pick(slip, 1 - n * n, candidate=1)
            drh = Un @ an
            dr = drh * h
            az, ar = dz * z * (1 - z), dr * pick(slip, r * (1 - r), reset_slope=1)
            dWz += np.outer(X[t], az)
            dWr += np.outer(X[t], ar)
            dWn += np.outer(X[t], an)
            dUz += np.outer(h, az)
            dUr += np.outer(h, ar)
            dUn += np.outer(r * h, an)
            dh = pick(slip, dh * z, keep=0) + Uz @ az + Ur @ ar + drh * pick(slip, r, reset=1)
        return {"Wz": dWz, "Wr": dWr, "Wn": dWn, "Uz": dUz, "Ur": dUr, "Un": dUn}

    return forward, backward


@passes(
    lambda r: (np.array([0.7, 1.3]), np.array([1.0, -0.5])),
    last="last|only|missing|step", dt="0.1|left out", stage="missing|no gradient|use", damping="sign", weights="counts|times|2|1/2|scale", sign="sign",
)  # fmt: skip
def pendulum_rk2(slip):
    def f(s, p):
        return np.array([s[1], -p[0] * np.sin(s[0]) - 0.1 * p[1] * s[1]])

    def forward(p, s0):
        s, states = s0, [s0]
        for _ in range(6):
            k1 = f(s, p)
            k2 = f(s + 0.1 * k1, p)
            s = s + 0.05 * (k1 + k2)
            states.append(s)
        return 0.5 * np.sum(s * s), states

    def pull(s, p, g):
        ds = np.array([-p[0] * np.cos(s[0]) * g[1] * pick(slip, 1, sign=-1), g[0] - 0.1 * p[1] * g[1] * pick(slip, 1, damping=-1)])
        return ds, np.array([-np.sin(s[0]) * g[1], -0.1 * s[1] * g[1]])

    def backward(p, s0, states):
        g, dp = states[-1], np.zeros(2)
        for i in range(5, -1, -1):
            s = states[i]
            k1 = f(s, p)
            d2, dp2 = pull(s + 0.1 * k1, p, pick(slip, 0.05, weights=0.1) * g)
            d1, dp1 = pull(s, p, 0.05 * g + pick(slip, 0.1, stage=0, dt=1) * d2)
            if slip != "last" or i == 5:
                dp = dp + dp1 + dp2
            g = g + d1 + d2
        return {"p": dp, "s0": g}

    return forward, backward


@passes(
    lambda r: (np.array([0.4, 0.9, -0.3]), np.array([0.5, -0.2, 0.1]), np.array([2.0, 1.5, 0.7])),
    half="1/2|half|twice|2", carry="missing|no gradient|use", force="sign", first="missing|first|use|last", stiff="left out|missing|stands",
)  # fmt: skip
def leapfrog_springs(slip):
    dt = 0.2

    def forward(q0, p0, k):
        q, p = q0, p0
        qs = [q]
        for _ in range(5):
            p = p - 0.5 * dt * k * q
            q = q + dt * p
            qs.append(q)
            p = p - 0.5 * dt * k * q
        return 0.5 * np.sum(q * q) + 0.5 * np.sum(p * p), (qs, q, p)

    def backward(q0, p0, k, cache):
        qs, q, p = cache
        dq, dp, dk = q.copy(), p.copy(), np.zeros(3)
        for i in range(4, -1, -1):
            dq = dq - pick(slip, 0.5, half=1) * dt * k * dp * pick(slip, 1, force=-1)
            dk = dk - 0.5 * dt * qs[i + 1] * dp
            dp = dp + pick(slip, dt, carry=0) * dq
            dq = dq - 0.5 * dt * pick(slip, k, stiff=1) * dp
            if slip != "first" or i > 0:
                dk = dk - 0.5 * dt * qs[i] * dp
        return {"q0": dq, "p0": dp, "k": dk}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 2)), np.array([0.8, 1.1, 0.9, 1.3, 0.7])),
    two="1/2|half|2", other_end="missing|no gradient|use", norm="left out|missing", sign="sign", rest="missing|no gradient|use|left out",
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
            f = 3.0 * (length - pick(slip, rest[i], rest=0)) * pick(slip, d / length, norm=d) * pick(slip, 1, two=2)
            dx[i + 1] += f
            dx[i] -= pick(slip, f, other_end=0, sign=-f)
            dr[i] = -3.0 * (length - rest[i])
        return {"x": dx, "rest": dr}

    return forward, backward


@passes(
    lambda r: (np.cumsum(r.random((5, 3)), 0), r.normal(size=(5, 3))),
    cube="exponent|derivative", diagonal="missing|twice|no gradient|use", sign="sign", pair="2|counts",
)  # fmt: skip
def coulomb_energy_pairs(slip):
    charge = np.array([1.0, -1.0, 2.0, 0.5, -0.7])

    def forward(x, y):
        E = 0.0
        for i in range(5):
            for j in range(i + 1, 5):
                E = E + charge[i] * charge[j] / np.sqrt(np.sum((x[i] - x[j]) ** 2))
        return E + 0.5 * np.sum((x - y) ** 2)

    def backward(x, y):
        g = np.zeros_like(x)
        for i in range(5):
            for j in range(i + 1, 5):
                r = x[i] - x[j]
                d = np.sqrt(np.sum(r**2))
                f = -charge[i] * charge[j] * r / d ** pick(slip, 3, cube=2) * pick(slip, 1, sign=-1, pair=2)
                g[i] += f
                g[j] -= pick(slip, f, diagonal=0)
        return {"x": g + x - y, "y": y - x}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(5, 4)), r.normal(size=(5, 4))),
    temperature="", negatives="missing|one-hot|no gradient|right class", transposed="missing|use|no gradient|transpose", mean="", norm="left out|missing|constant|no gradient",
)  # fmt: skip
def info_nce(slip):
    def forward(a, b):
        na = np.linalg.norm(a, axis=1, keepdims=True)
        nb = np.linalg.norm(b, axis=1, keepdims=True)
        u, v = a / na, b / nb
        s = u @ v.T / 0.2
        p = softmax(s)
        loss = -np.mean(np.log(p[np.arange(5), np.arange(5)]))
        return loss, (u, v, na, nb, p)

    def backward(a, b, cache):
        u, v, na, nb, p = cache
        ds = (p - pick(slip, np.eye(5), negatives=0)) / pick(slip, 5, mean=1) / pick(slip, 0.2, temperature=1)
        du, dv = ds @ v, pick(slip, ds.T, transposed=ds) @ u
        project = pick(slip, 1, norm=0)
        da = (du - project * u * np.sum(du * u, 1, keepdims=True)) / na
        db = (dv - project * v * np.sum(dv * v, 1, keepdims=True)) / nb
        return {"a": da, "b": db}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(4, 3)), r.normal(size=3), r.normal(size=(6, 4)), r.integers(0, 3, 6), r.normal(size=6)),
    advantage="left out", sign="", one_hot="one-hot|-y", entropy="missing|no gradient|use", entropy_sign="sign",
)  # fmt: skip
def policy_gradient(slip):
    def forward(W, b, S, actions, adv):
        p = softmax(S @ W + b)
        logp = np.log(p)
        entropy = -(p * logp).sum(axis=1)
        chosen = logp[np.arange(6), actions]
        return -np.mean(chosen * adv) - 0.01 * np.mean(entropy), (p, logp, entropy)

    def backward(W, b, S, actions, adv, cache):
        p, logp, entropy = cache
        one = np.zeros_like(p)
        one[np.arange(6), actions] = 1
        dz = (p - pick(slip, one, one_hot=0)) * pick(slip, adv[:, None], advantage=1) / 6
        dH = 0.01 * p * (logp + entropy[:, None]) / 6
        dz = dz + pick(slip, dH, entropy=0, entropy_sign=-dH)
        if slip == "sign":
            dz = -dz
        return {"W": S.T @ dz, "b": dz.sum(0)}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(3, 6)), r.normal(size=(3, 6)), r.normal(size=(3, 6)), r.normal(size=(8, 3)), r.normal(size=8)),
    sigma_term="missing|no gradient|use|constant", mix="one-hot|softmax|missing|no gradient|p alone", mu_square="left out|exponent|stands|twice|once|square", square="counts|twice|1/2|half|2|exponent", mean="8",
)  # fmt: skip
def mixture_density(slip):
    def forward(Wp, Wm, Ws, X, y):
        pi, mu, s = softmax(X @ Wp), X @ Wm, np.exp(X @ Ws)
        n = np.exp(-0.5 * ((y[:, None] - mu) / s) ** 2) / (np.sqrt(2 * np.pi) * s)
        total = (pi * n).sum(1)
        return -np.log(total).mean(), (pi, mu, s, n, total)

    def backward(Wp, Wm, Ws, X, y, cache):
        pi, mu, s, n, total = cache
        r = pi * n / total[:, None] / pick(slip, 8, mean=1)
        e = mu - y[:, None]
        dpi = pick(slip, pi / 8 - r, mix=-r)
        dmu = r * e / pick(slip, s**2, mu_square=s)
        ds = r * (pick(slip, 1, sigma_term=0) - pick(slip, 1, square=2) * e**2 / s**2)
        return {"Wp": X.T @ dpi, "Wm": X.T @ dmu, "Ws": X.T @ ds}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 5)) / 2, r.normal(size=(6, 5)) / 2, r.normal(size=(3, 6)) / 2, (r.random((7, 6)) < 0.5) * 1.0),
    half="1/2|half|2|counts", noise="left out", kl="missing|no gradient|use", kl_exp="missing|use|left out|counts|sign", decoder="left out|twice|derivative", mean="",
)  # fmt: skip
def variational_autoencoder(slip):
    eps = np.random.default_rng(8).normal(size=(7, 3))

    def forward(Wm, Wv, Wd, X):
        mu, logv = X @ Wm[:, :3], X @ Wv[:, :3]
        z = mu + np.exp(logv / 2) * eps
        xr = sigmoid(z @ Wd)
        bce = -np.sum(X * np.log(xr) + (1 - X) * np.log(1 - xr))
        kl = -0.5 * np.sum(1 + logv - mu**2 - np.exp(logv))
        return (bce + kl) / len(X), (mu, logv, z, xr)

    def backward(Wm, Wv, Wd, X, cache):
        mu, logv, z, xr = cache
        n = pick(slip, len(X), mean=1)
        d = (xr - X) * pick(slip, 1, decoder=xr * (1 - xr)) / n
        dWd = z.T @ d
        dz = d @ Wd.T
        dmu = dz + pick(slip, mu, kl=0) / n
        dlogv = dz * pick(slip, eps, noise=1) * np.exp(logv / 2) * pick(slip, 0.5, half=1)
        dlogv = dlogv + 0.5 * (pick(slip, np.exp(logv), kl_exp=0) - 1) / n
        dWm, dWv = np.zeros_like(Wm), np.zeros_like(Wv)
        dWm[:, :3], dWv[:, :3] = X.T @ dmu, X.T @ dlogv
        return {"Wm": dWm, "Wv": dWv, "Wd": dWd}

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
    lambda r: (r.normal(size=(7, 4)), np.array([1, 2])),
    skip="missing|use|no gradient", stay="missing|use|no gradient", softmax="p alone|softmax|one-hot|missing", final="missing|use|no gradient|only", sign="",
)  # fmt: skip
def ctc_sum_of_paths(slip):
    def forward(U, label):
        T = len(U)
        y = softmax(U)
        ext = np.array([0, label[0], 0, label[1], 0])
        a = np.zeros((T, 5))
        a[0, 0], a[0, 1] = y[0, 0], y[0, ext[1]]
        for t in range(1, T):
            for s in range(5):
                total = a[t - 1, s]
                if s > 0:
                    total = total + a[t - 1, s - 1]
                if s == 3:
                    total = total + a[t - 1, s - 2]
                a[t, s] = total * y[t, ext[s]]
        return -np.log(a[T - 1, 3] + a[T - 1, 4]), (y, ext, a)

    def backward(U, label, cache):
        y, ext, a = cache
        T = len(U)
        b = np.zeros((T, 5))
        b[T - 1, 3] = 1
        b[T - 1, 4] = pick(slip, 1, final=0)
        dy = np.zeros_like(y)
        for t in range(T - 1, 0, -1):
            for s in range(5):
                g = b[t, s] * y[t, ext[s]]
                dy[t, ext[s]] += b[t, s] * a[t, s] / y[t, ext[s]]
                b[t - 1, s] += pick(slip, g, stay=0)
                if s > 0:
                    b[t - 1, s - 1] += g
                if s == 3:
                    b[t - 1, s - 2] += pick(slip, g, skip=0)
        dy[0, 0] += b[0, 0]
        dy[0, ext[1]] += b[0, 1]
        dy = -dy / (a[T - 1, 3] + a[T - 1, 4])
        du = y * (dy - pick(slip, (dy * y).sum(1, keepdims=True), softmax=0))
        return {"U": pick(slip, du, sign=-du)}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(2, 4, 6)), r.normal(size=(6, 6)) / 2, r.normal(size=(6, 6)) / 2, r.normal(size=(6, 6)) / 2, r.normal(size=(6, 6)) / 2),
    mask="mask|causal|softmax|missing|no gradient", scale="left out|0.57|3", out_turned="transpose", softmax="constant|diagonal|sum|left out", k_missing="missing|no gradient|use", head="heads|transpose|axes|reshape|block|order",
)  # fmt: skip
def multi_head_attention(slip):
    n, t, d, h = 2, 4, 6, 2
    seen = np.tril(np.ones((t, t)))

    def forward(x, Wq, Wk, Wv, Wo):
        q = (x @ Wq).reshape(n, t, h, 3).transpose(0, 2, 1, 3)
        k = (x @ Wk).reshape(n, t, h, 3).transpose(0, 2, 1, 3)
        v = (x @ Wv).reshape(n, t, h, 3).transpose(0, 2, 1, 3)
        s = q @ k.transpose(0, 1, 3, 2) / np.sqrt(3)
        s = np.where(seen == 0, -1e9, s)
        p = softmax(s)
        o = (p @ v).transpose(0, 2, 1, 3).reshape(n, t, d)
        return o @ Wo, (x, q, k, v, p, o, Wq, Wk, Wv, Wo)

    def backward(dout, cache):
        x, q, k, v, p, o, Wq, Wk, Wv, Wo = cache
        dWo = np.einsum("ntd,nte->de", o, dout)
        do = (dout @ pick(slip, Wo.T, out_turned=Wo)).reshape(n, t, h, 3).transpose(0, 2, 1, 3)
        dp = do @ v.transpose(0, 1, 3, 2)
        dv = p.transpose(0, 1, 3, 2) @ do
        ds = p * (dp - pick(slip, (dp * p).sum(-1, keepdims=True), softmax=0)) / pick(slip, np.sqrt(3), scale=1)
        if slip == "mask":
            ds = ds * seen.T
        dq, dk = ds @ k, ds.transpose(0, 1, 3, 2) @ q

        def merged(m):
            return m.transpose(0, 2, 1, 3).reshape(n, t, d)

        dq, dv = merged(dq), dv.reshape(n, t, d) if slip == "head" else merged(dv)
        dk = merged(dk)
        dx = dq @ Wq.T + pick(slip, dk @ Wk.T, k_missing=0) + dv @ Wv.T
        dWq, dWk, dWv = (np.einsum("ntd,nte->de", x, m) for m in (dq, dk, dv))
        return dx, dWq, dWk, dWv, dWo

    return forward, backward


@passes(
    lambda r: (r.normal(size=(3, 4, 5)), r.normal(size=4), r.normal(size=4)),
    mean="mean|constant|missing", var="var|constant|missing", group="wrong axis|axis", gain="left out", beta="averag|1/", n="1/N|10|N",
)  # fmt: skip
def group_norm(slip):
    def forward(x, gamma, beta):
        g = x.reshape(3, 2, 10)
        mean, var = g.mean(axis=2, keepdims=True), g.var(axis=2, keepdims=True)
        xhat = ((g - mean) / np.sqrt(var + 1e-5)).reshape(x.shape)
        return gamma[None, :, None] * xhat + beta[None, :, None], (xhat, gamma, var)

    def backward(dout, cache):
        xhat, gamma, var = cache
        dgamma = (dout * xhat).sum(axis=(0, 2))
        dbeta = dout.sum(axis=(0, 2)) / pick(slip, 1, beta=15)
        d = (dout * pick(slip, gamma[None, :, None], gain=1)).reshape(3, 2, 10)
        u = xhat.reshape(3, 2, 10)
        axes = pick(slip, 2, group=1)
        m = d.mean(axis=axes, keepdims=True)
        c = (d * u).mean(axis=axes, keepdims=True) * pick(slip, 1, n=10)
        dx = (d - pick(slip, m, mean=0) - pick(slip, u * c, var=0)) / np.sqrt(var + 1e-5)
        return dx.reshape(dout.shape), dgamma, dbeta

    return forward, backward


@passes(
    lambda r: (r.normal(size=(4, 6)), r.normal(size=6), r.normal(size=6)),
    two="1/2|half|2|counts", mean="mean|missing|no gradient|constant", cube="exponent|stands|left out|square", var="var|missing|no gradient|constant", n="1/N|6|N",
)  # fmt: skip
def layer_norm_staged(slip):
    def forward(x, g, b):
        out = np.zeros_like(x)
        cache = []
        for i in range(len(x)):
            mu = np.mean(x[i])
            xc = x[i] - mu
            var = np.mean(xc**2)
            s = np.sqrt(var + 1e-5)
            out[i] = xc / s * g + b
            cache.append((xc, var, s))
        return out, (cache, g)

    def backward(dout, state):
        cache, g = state
        dx, dg, db = np.zeros_like(dout), np.zeros_like(g), np.zeros_like(g)
        for i in range(len(dout)):
            xc, var, s = cache[i]
            dg += dout[i] * xc / s
            db += dout[i]
            dxh = dout[i] * g
            ds = -np.sum(dxh * xc) / s ** pick(slip, 2, cube=1)
            dvar = ds / (pick(slip, 2, two=1) * s)
            dxc = dxh / s + pick(slip, 2 * xc / 6 * dvar, var=0, n=2 * xc * dvar)
            dx[i] = dxc - pick(slip, dxc.mean(), mean=0)
        return dx, dg, db

    return forward, backward


@passes(
    lambda r: (r.normal(size=(9, 4)), r.normal(size=(9, 4)), np.array([0, 3, 5]), np.array([1, 4, 2]), np.array([[6, 7], [7, 8], [1, 6]])),
    positive="1 minus|left out|sign|derivative|missing", negatives="missing|no gradient|use", overwritten="last|overwrit|assigned|keep", context="missing|no gradient", sign="sign",
)  # fmt: skip
def word2vec_in_loops(slip):
    def forward(V, U, centre, context, negative):
        loss = 0.0
        for i in range(len(centre)):
            v = V[centre[i]]
            loss -= np.log(sigmoid(U[context[i]] @ v))
            for k in negative[i]:
                loss -= np.log(sigmoid(-U[k] @ v))
        return loss

    def backward(V, U, centre, context, negative):
        dV, dU = np.zeros_like(V), np.zeros_like(U)
        for i in range(len(centre)):
            v = V[centre[i]]
            a = sigmoid(U[context[i]] @ v) - pick(slip, 1, positive=0)
            dV[centre[i]] += a * U[context[i]]
            dU[context[i]] += pick(slip, a, context=0) * v
            for k in negative[i]:
                b = sigmoid(U[k] @ v) * pick(slip, 1, sign=-1)
                dV[centre[i]] += pick(slip, b, negatives=0) * U[k]
                if slip == "overwritten":
                    dU[k] = b * v
                else:
                    dU[k] += b * v
        return {"V": dV, "U": dU}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(5, 3)), r.normal(size=(4, 3)), r.normal(size=5), r.normal(size=4), r.normal(size=(5, 4))),
    two="", decay="missing|no gradient|use", swapped="stands|left out|operand", bias="missing|no gradient|averag", decay_once="counts|1/|missing|times", updated="updated",
)  # fmt: skip
def matrix_factorisation_in_loops(slip):
    known = np.random.default_rng(2).random((5, 4)) < 0.7

    def forward(P, Q, bu, bi, R):
        loss = 0.0
        for u in range(5):
            for i in range(4):
                if known[u, i]:
                    e = R[u, i] - (bu[u] + bi[i] + P[u] @ Q[i])
                    loss += e**2 + 0.1 * (P[u] @ P[u] + Q[i] @ Q[i])
        return loss

    def backward(P, Q, bu, bi, R):
        dP, dQ, dbu, dbi = np.zeros_like(P), np.zeros_like(Q), np.zeros_like(bu), np.zeros_like(bi)
        for u in range(5):
            for i in range(4):
                if known[u, i]:
                    e = R[u, i] - (bu[u] + bi[i] + P[u] @ Q[i])
                    k = pick(slip, 2, two=1)
                    dP[u] += -k * e * Q[i] + pick(slip, 0.2, decay=0, decay_once=0.1) * P[u]
                    dQ[i] += -k * e * P[u] * pick(slip, 1, swapped=Q[i]) + pick(slip, 1, two=0.5) * 0.2 * Q[i]
                    dbu[u] -= k * e
                    dbi[i] -= pick(slip, k * e, bias=0)
        if slip == "two":
            dP = dP - 0.1 * P * known.sum(1)[:, None]
        if slip == "updated":
            dQ = dQ + 0.1 * (known.T * 1.0) @ P
        return {"P": dP, "Q": dQ, "bu": dbu, "bi": dbi}

    return forward, backward


@passes(
    lambda r: (np.array([1.2, 0.6, 0.2]), np.sort(r.random(7)), r.normal(size=7)),
    det="missing|no gradient|use", outer="missing|no gradient|use", length="exponent|left out|missing|stands|twice", noise="left out|missing|no gradient|use", amplitude="left out|2|twice|derivative|exponent", half="",
)  # fmt: skip
def gaussian_process_cholesky(slip):
    def kernel(th, x):
        d2 = (x[:, None] - x[None, :]) ** 2
        K = th[0] ** 2 * np.exp(-0.5 * d2 / th[1] ** 2)
        return d2, K, K + th[2] ** 2 * np.eye(len(x))

    def forward(th, x, y):
        d2, K, Ky = kernel(th, x)
        L = np.linalg.cholesky(Ky)
        alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
        return 0.5 * y @ alpha + np.sum(np.log(np.diag(L))), (d2, K, Ky, alpha)

    def backward(th, x, y, cache):
        d2, K, Ky, alpha = cache
        G = 0.5 * (pick(slip, np.linalg.inv(Ky), det=0) - pick(slip, np.outer(alpha, alpha), outer=0)) * pick(slip, 1, half=2)
        ds = np.sum(G * K) * 2 / pick(slip, th[0], amplitude=1)
        dl = np.sum(G * K * d2) / th[1] ** pick(slip, 3, length=2)
        dn = np.trace(G) * 2 * pick(slip, th[2], noise=1)
        return {"th": np.array([ds, dl, dn])}

    return forward, backward


@passes(
    lambda r: (r.normal(size=4), np.array([0.1, 0.2, 0.15, 0.05]), np.cov(r.normal(size=(4, 20)))),
    risk="1/2|half|2|counts|missing", sharpe="missing|no gradient|constant", softmax="softmax|left out|constant", mean="missing|no gradient|constant|use", root="left out|twice|derivative|square|exponent",
)  # fmt: skip
def sharpe_ratio(slip):
    def forward(z, mu, C):
        w = softmax(z)
        ret = w @ mu
        risk = np.sqrt(w @ C @ w)
        return -ret / risk + 0.1 * np.sum(w**2), (w, ret, risk)

    def backward(z, mu, C, cache):
        w, ret, risk = cache
        drisk = pick(slip, ret / risk**2, sharpe=0)
        dw = -pick(slip, mu, mean=0) / risk + drisk * C @ w / pick(slip, risk, root=1) * pick(slip, 1, risk=2) + 0.2 * w
        return {"z": pick(slip, w * (dw - (w * dw).sum()), softmax=dw)}

    return forward, backward


@passes(
    lambda r: (np.array([2.0, 0.5, -0.3]), np.array([1.5, 1.2, 1.7]), r.normal(size=5) / 4),
    thickness="left out|missing|no gradient|use", order="transpose|order|stands|missing", sign="sign", last="last|only|missing|use", focal="exponent|twice|left out|derivative|stands",
)  # fmt: skip
def lens_system(slip):
    def forward(f, d, y):
        h, a = y, 0.1 * y
        rays = []
        for i in range(3):
            rays.append((h, a))
            a = a - h / f[i]
            h = h + d[i] * a
        return np.sum(h**2), (rays, h)

    def backward(f, d, y, cache):
        rays, h = cache
        dh, da = 2 * h, np.zeros(5)
        df, dd = np.zeros(3), np.zeros(3)
        for i in range(2, -1, -1):
            h, a = rays[i]
            after = pick(slip, a - h / f[i], order=a)
            dd[i] = np.sum(dh * after)
            da = da + pick(slip, d[i], thickness=1) * dh
            df[i] = np.sum(da * h) / f[i] ** pick(slip, 2, focal=1)
            dh = dh - pick(slip, da, sign=-da) / f[i]
            if slip == "last" and i == 2:
                da = 0 * da
        return {"f": df, "d": dd}

    return forward, backward


@passes(
    lambda r: (r.normal(size=5), np.linspace(0, 1, 9), r.normal(size=9)),
    left="missing|no gradient|use", weight="1 minus|stands|left out|missing|use", overwritten="last|overwrit|assigned|keep", smooth="missing|no gradient|use|counts", second="missing|use|counts|-2|no gradient",
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


@passes(
    lambda r: (r.normal(size=(4, 3)), r.normal(size=(5, 3)), r.normal(size=(3, 4)) / 2, r.normal(size=(4, 4)) / 2, r.normal(size=(3, 4)) / 2, r.normal(size=(4, 4)) / 2, r.normal(size=(4, 3))),
    context="missing|no gradient|constant|use", encoder_last="last|only|missing|use|no gradient", decoder_slope="left out", outputs="only|missing|last|no gradient|sample", turned="transpose",
)  # fmt: skip
def encoder_decoder(slip):
    def forward(X, Y, Ex, Eh, Dx, Dh, V):
        h, enc = np.zeros(4), [np.zeros(4)]
        for x in X:
            h = np.tanh(x @ Ex + h @ Eh)
            enc.append(h)
        s, dec, loss, outs = h, [h], 0.0, []
        for t in range(len(Y) - 1):
            s = np.tanh(Y[t] @ Dx + s @ Dh)
            dec.append(s)
            e = s @ V - Y[t + 1]
            outs.append(e)
            loss = loss + 0.5 * (e @ e)
        return loss, (enc, dec, outs)

    def backward(X, Y, Ex, Eh, Dx, Dh, V, cache):
        enc, dec, outs = cache
        dEx, dEh, dDx, dDh, dV = (np.zeros_like(w) for w in (Ex, Eh, Dx, Dh, V))
        ds = np.zeros(4)
        for t in range(len(Y) - 2, -1, -1):
            s = dec[t + 1]
            e = outs[t] * pick(slip, 1, outputs=t == len(Y) - 2)
            dV += np.outer(s, e)
            ds = ds + V @ e
            dz = ds * pick(slip, 1 - s * s, decoder_slope=1)
            dDx += np.outer(Y[t], dz)
            dDh += np.outer(dec[t], dz)
            ds = pick(slip, Dh, turned=Dh.T) @ dz
        dh = pick(slip, ds, context=0 * ds)
        for t in range(len(X) - 1, -1, -1):
            dz = dh * (1 - enc[t + 1] ** 2)
            if slip != "encoder_last" or t == len(X) - 1:
                dEx += np.outer(X[t], dz)
                dEh += np.outer(enc[t], dz)
            dh = Eh @ dz
        return {"Ex": dEx, "Eh": dEh, "Dx": dDx, "Dh": dDh, "V": dV}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(4, 5)), r.normal(size=(5, 3)), r.normal(size=3), (r.random((4, 3)) < 0.5) * 1.0),
    gamma="left out|missing|no gradient|constant", alpha="left out", slope="left out|twice|derivative", mean="", sign="sign",
)  # fmt: skip
def focal_loss(slip):
    def forward(X, W, b, y):
        p = sigmoid(X @ W + b)
        pt = np.where(y == 1, p, 1 - p)
        return np.mean(-((1 - pt) ** 2) * np.log(pt)), (p, pt)

    def backward(X, W, b, y, cache):
        p, pt = cache
        dpt = pick(slip, 2 * (1 - pt) * np.log(pt), gamma=0) - pick(slip, (1 - pt) ** 2, alpha=1) / pt
        dp = np.where(y == 1, dpt, pick(slip, -dpt, sign=dpt)) / pick(slip, 12, mean=1)
        dz = dp * pick(slip, p * (1 - p), slope=1)
        return {"W": X.T @ dz, "b": dz.sum(0)}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 3)), r.normal(size=(3, 4)), r.normal(size=(4, 4)) / 2),
    degree="left out|missing", transposed="transpose", slope="left out|mask|derivative", self_loop="left out|missing|use",
)  # fmt: skip
def graph_convolution(slip):
    A = (np.random.default_rng(4).random((6, 6)) < 0.4) * 1.0
    A = A + np.eye(6)
    A = A / A.sum(1, keepdims=True)

    def forward(X, W1, W2):
        H = np.maximum(A @ X @ W1, 0)
        Z = A @ H @ W2
        return Z, (X, W1, W2, H)

    def backward(dZ, cache):
        X, W1, W2, H = cache
        At = pick(slip, A.T, transposed=A, degree=(A.T > 0) * 1.0)
        g = At @ dZ
        dW2 = H.T @ g
        dH = g @ W2.T * pick(slip, H > 0, slope=1)
        g1 = A.T @ dH
        return g1 @ W1.T, X.T @ pick(slip, g1, self_loop=dH), dW2

    return forward, backward
