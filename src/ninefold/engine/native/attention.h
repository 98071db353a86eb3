// Attention of one query over keys and values that were written one position at a time.
//
// Runs over the row's own positions and no more, so that it does not depend on other rows.

#pragma once

#include "products.h"

namespace {

constexpr int kKeys = 16;  // keys that lie side by side

// Keys lie in blocks of 16: (blocks, width / group, 16, group); values in groups of positions:
// (positions / group, width, group), a group being one float32 or two bfloat16.
template <bool IsBf16>
void write_key_value(void* keys, void* values, int64_t position, int64_t width, const float* key,
                     const float* value) {
  const int64_t block = position / kKeys * kKeys * width, lane = position % kKeys;
  if constexpr (IsBf16) {
    auto* k = static_cast<uint16_t*>(keys) + block;
    auto* v = static_cast<uint16_t*>(values) + position / 2 * 2 * width + position % 2;
    for (int64_t d = 0; d < width; d++) {
      k[d / 2 * 2 * kKeys + 2 * lane + d % 2] = to_bf16(key[d]);
      v[2 * d] = to_bf16(value[d]);
      if (position % 2 == 0) v[2 * d + 1] = 0;  // what is left there by another must not count
    }
  } else {
    auto* k = static_cast<float*>(keys) + block;
    auto* v = static_cast<float*>(values) + position * width;
    for (int64_t d = 0; d < width; d++) {
      k[d * kKeys + lane] = key[d];
      v[d] = value[d];
    }
  }
}

constexpr int kMaxLength = 4096;

// One head of one row over `length` positions: softmax(query · keys / √width) · values.
template <bool IsBf16>
void attend(const float* query, const void* keys, const void* values, int64_t length,
            int64_t width, float* out) {
  alignas(64) float scores[kMaxLength];
  alignas(64) uint32_t packed[256];
  const int64_t groups = IsBf16 ? width / 2 : width;
  convert(IsBf16 ? kBfloat16 : kFloat32, query, width, packed, nullptr);
  const __m512 scale = _mm512_set1_ps(1.0f / std::sqrt(static_cast<float>(width)));
  __m512 largest = _mm512_set1_ps(-INFINITY);
  for (int64_t start = 0; start < length; start += kKeys) {
    const auto* k = static_cast<const uint32_t*>(keys) + start * groups;
    __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
    for (int64_t g = 0; g < groups; g += 2) {
      even = multiply_add<IsBf16 ? kBfloat16 : kFloat32>(even, _mm512_set1_epi32(packed[g]),
                                          _mm512_loadu_si512(k + g * kKeys));
      odd = multiply_add<IsBf16 ? kBfloat16 : kFloat32>(odd, _mm512_set1_epi32(packed[g + 1]),
                                         _mm512_loadu_si512(k + (g + 1) * kKeys));
    }
    __m512 s = _mm512_mul_ps(
        _mm512_add_ps(_mm512_castsi512_ps(even), _mm512_castsi512_ps(odd)), scale);
    s = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), lanes(length - start), s);
    largest = _mm512_max_ps(largest, s);
    _mm512_store_ps(scores + start, s);
  }
  const __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
  __m512 total = _mm512_setzero_ps();
  for (int64_t start = 0; start < length; start += kKeys) {
    const __m512 e = _mm512_maskz_mov_ps(
        lanes(length - start), exp512(_mm512_sub_ps(_mm512_load_ps(scores + start), top)));
    total = _mm512_add_ps(total, e);
    _mm512_store_ps(scores + start, e);
  }
  const __m512 share = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(total));
  const int64_t size = IsBf16 ? 2 : 1, steps = (length + size - 1) / size;
  for (int64_t start = 0; start < length; start += kKeys) {
    const __m512 w = _mm512_mul_ps(_mm512_load_ps(scores + start), share);
    if constexpr (IsBf16) {
      const __m256bh b = _mm512_cvtneps_pbh(w);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(reinterpret_cast<uint16_t*>(scores) + start),
                          reinterpret_cast<const __m256i&>(b));
    } else {
      _mm512_store_ps(scores + start, w);
    }
  }
  const auto* weights = reinterpret_cast<const uint32_t*>(scores);
  const auto* v = static_cast<const uint32_t*>(values);
  for (int64_t d = 0; d < width; d += 64) {
    const int64_t columns = std::min<int64_t>(4, (width - d) / 16);
    __m512i sums[4] = {};
    for (int64_t p = 0; p < steps; p++) {
      const __m512i w = _mm512_set1_epi32(weights[p]);
      for (int64_t c = 0; c < columns; c++)
        sums[c] = multiply_add<IsBf16 ? kBfloat16 : kFloat32>(
            sums[c], w, _mm512_loadu_si512(v + p * width + d + 16 * c));
    }
    for (int64_t c = 0; c < columns; c++)
      _mm512_storeu_ps(out + d + 16 * c, _mm512_castsi512_ps(sums[c]));
  }
}

}  // namespace

extern "C" {

// Keys and values (heads, length, width) of a text into its place.
void write_text(int64_t is_bf16, void* keys, void* values, int64_t heads, int64_t length,
                int64_t max_length, int64_t width, const float* key, const float* value) {
  for (int64_t h = 0; h < heads; h++)
    for (int64_t t = 0; t < length; t++) {
      const int64_t offset = h * max_length * width * (is_bf16 ? 2 : 4);
      const int64_t source = (h * length + t) * width;
      auto* write = is_bf16 ? write_key_value<true> : write_key_value<false>;
      write(static_cast<char*>(keys) + offset, static_cast<char*>(values) + offset, t, width,
            key + source, value + source);
    }
}

}
