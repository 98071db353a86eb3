"""The native decoder: a small C++ module for processors with AVX-512, built where it is used."""
