"""Small pictures with the structure of real ones: smooth texture, moved by parts of a pixel."""

import numpy as np


def smooth_texture(high, wide, top=1020, seed=3):
    """Random blobs a few pixels wide, 10 % to 90 % of `top`."""
    noise = np.random.default_rng(seed).normal(size=(high, wide))
    wave = np.fft.rfftfreq(wide)[None, :] ** 2 + np.fft.fftfreq(high)[:, None] ** 2
    soft = np.fft.irfft2(np.fft.rfft2(noise) * np.exp(-wave * 400), (high, wide))
    soft = np.clip(soft / soft.std() * 0.2 + 0.5, 0.1, 0.9)
    return (soft * top).astype(np.uint16)


def shifted(picture, x, y):
    """`picture` moved right by `x` and down by `y` pixels, what falls out comes back in."""
    high, wide = picture.shape
    phase = np.fft.rfftfreq(wide)[None, :] * x + np.fft.fftfreq(high)[:, None] * y
    moved = np.fft.irfft2(np.fft.rfft2(picture) * np.exp(-2j * np.pi * phase), picture.shape)
    return np.clip(np.round(moved), 0, 1020).astype(np.uint16)
