"""The native decoder: a small C++ module for AVX-512 or AVX2, built where it is used."""
