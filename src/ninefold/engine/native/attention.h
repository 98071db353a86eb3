// Attention of one query over keys and values that were written one position at a time.
//
// Runs over the row's own positions and no more, so that it does not depend on other rows.

#pragma once

#include "products.h"

namespace {

constexpr int kKeys = kLanes;  // keys that lie side by side
constexpr int kMaxLength = 4096, kMaxWidth = 256;

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

// One head of one row over `length` positions: softmax(query · keys / √width) · values.
template <bool IsBf16>
void attend(const float* query, const void* keys, const void* values, int64_t length,
            int64_t width, float* out) {
  constexpr int64_t kKind = IsBf16 ? kBfloat16 : kFloat32;
  alignas(64) float scores[kMaxLength];
  alignas(64) uint32_t packed[kMaxWidth];
  const int64_t groups = IsBf16 ? width / 2 : width;
  convert(kKind, query, width, packed, nullptr);
  const Floats scale = all(1.0f / std::sqrt(static_cast<float>(width)));
  Floats largest = all(-INFINITY);
  for (int64_t start = 0; start < length; start += kKeys) {
    const auto* k = static_cast<const uint32_t*>(keys) + start * groups;
    Floats even = all(0.0f), odd = all(0.0f);
    for (int64_t g = 0; g < groups; g += 2) {
      even = multiply_add<kKind>(even, all_groups(packed[g]), load_groups(k + g * kKeys));
      odd = multiply_add<kKind>(odd, all_groups(packed[g + 1]), load_groups(k + (g + 1) * kKeys));
    }
    const Floats s = first(multiply(add(even, odd), scale), length - start, all(-INFINITY));
    largest = larger(largest, s);
    store(scores + start, s);
  }
  const Floats top = all(largest_of(largest));
  Floats total = all(0.0f);
  for (int64_t start = 0; start < length; start += kKeys) {
    const Floats e = first(exponential(subtract(load(scores + start), top)), length - start,
                           all(0.0f));
    total = add(total, e);
    store(scores + start, e);
  }
  const Floats share = all(1.0f / sum_of(total));
  const int64_t size = IsBf16 ? 2 : 1, steps = (length + size - 1) / size;
  for (int64_t start = 0; start < length; start += kKeys) {
    const Floats w = multiply(load(scores + start), share);
    if constexpr (IsBf16)
#if HAS_AVX512
      store_bf16(reinterpret_cast<uint16_t*>(scores) + start, w);
#else
      static_assert(!IsBf16, "AVX2 multiplies float32 only");
#endif
    else
      store(scores + start, w);
  }
  const auto* weights = reinterpret_cast<const uint32_t*>(scores);
  const auto* v = static_cast<const uint32_t*>(values);
  for (int64_t d = 0; d < width; d += 64) {
    const int64_t columns = std::min<int64_t>(4, (width - d) / 16);
    Floats sums[4] = {all(0.0f), all(0.0f), all(0.0f), all(0.0f)};
    for (int64_t p = 0; p < steps; p++) {
      const Groups w = all_groups(weights[p]);
      for (int64_t c = 0; c < columns; c++)
        sums[c] = multiply_add<kKind>(sums[c], w, load_groups(v + p * width + d + 16 * c));
    }
    for (int64_t c = 0; c < columns; c++) store(out + d + 16 * c, sums[c]);
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
