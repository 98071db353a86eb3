// Attention of one query a head over keys and values that were written one position at a time.
//
// Runs over the row's own positions and no more, so that it does not depend on other rows. Keys, and
// values, lie in blocks of 16 positions, and in each block head after head: what one row reads is
// then one stretch of memory, which comes twice as fast as a piece here and a piece there.

#pragma once

#include <vector>

#include "products.h"

namespace {

constexpr int kKeys = kLanes;  // positions of a block
constexpr int kMaxWidth = 256;

// How a number format keeps keys and values: here float32 and bfloat16. A block of keys is
// (width / size, 16, size), of values (16 / size, width, size), of so many numbers to a group.
template <int64_t Kind>
struct Format {
  static constexpr int64_t kSize = Kind == kBfloat16 ? 2 : 1;

  static int64_t key_bytes(int64_t width) { return kKeys * width * 4 / kSize; }
  static int64_t value_bytes(int64_t width) { return kKeys * width * 4 / kSize; }

  struct Query {
    alignas(64) uint32_t packed[kMaxWidth];
    float scale;
  };

  static void write(char* keys, char* values, int64_t lane, int64_t width, const float* key,
                    const float* value) {
    if constexpr (Kind == kBfloat16) {
      auto* k = reinterpret_cast<uint16_t*>(keys);
      auto* v = reinterpret_cast<uint16_t*>(values) + lane / 2 * 2 * width + lane % 2;
      for (int64_t d = 0; d < width; d++) {
        k[d / 2 * 2 * kKeys + 2 * lane + d % 2] = to_bf16(key[d]);
        v[2 * d] = to_bf16(value[d]);
        if (lane % 2 == 0) v[2 * d + 1] = 0;  // what is left there by another must not count
      }
    } else {
      auto* k = reinterpret_cast<float*>(keys);
      auto* v = reinterpret_cast<float*>(values) + lane * width;
      for (int64_t d = 0; d < width; d++) {
        k[d * kKeys + lane] = key[d];
        v[d] = value[d];
      }
    }
  }

  static void read_query(const float* query, int64_t width, Query* to) {
    convert(Kind, query, width, to->packed, nullptr);
    to->scale = 1.0f / std::sqrt(static_cast<float>(width));
  }

  // The query times a block of keys.
  static Floats score(const Query& query, const char* keys, int64_t width) {
    const auto* k = reinterpret_cast<const uint32_t*>(keys);
    Floats even = all(0.0f), odd = all(0.0f);
    for (int64_t g = 0; g < width / kSize; g += 2) {
      even = multiply_add<Kind>(even, query.packed, g, load_groups(k + g * kKeys));
      odd = multiply_add<Kind>(odd, query.packed, g + 1, load_groups(k + (g + 1) * kKeys));
    }
    return multiply(add(even, odd), all(query.scale));
  }

  // Softmax of a head's scores, block by block in their place, in the format of the products;
  // returns what the sums are to be multiplied with.
  static float weigh(float* scores, int64_t length, const char*, int64_t, float top) {
    Floats total = all(0.0f);
    for (int64_t start = 0; start < length; start += kKeys) {
      const Floats e = first(exponential(subtract(load(scores + start), all(top))),
                             length - start, all(0.0f));
      total = add(total, e);
      store(scores + start, e);
    }
    const Floats share = all(1.0f / sum_of(total));
    for (int64_t start = 0; start < length; start += kKeys) {
      const Floats w = multiply(load(scores + start), share);
#if HAS_AVX512
      if constexpr (Kind == kBfloat16) {
        store_bf16(reinterpret_cast<uint16_t*>(scores + start), w);
        continue;
      }
#endif
      store(scores + start, w);
    }
    return 1.0f;
  }

  // sums += the weights of a block, of which `count` positions count, times its values.
  static void accumulate(const float* scores, int64_t count, const char* values, int64_t width,
                         float* sums, float*) {
    const auto* weights = reinterpret_cast<const uint32_t*>(scores);
    const auto* v = reinterpret_cast<const uint32_t*>(values);
    for (int64_t d = 0; d < width; d += 64) {
      const int64_t columns = std::min<int64_t>(4, (width - d) / 16);
      Floats own[4];
      for (int64_t c = 0; c < columns; c++) own[c] = load(sums + d + 16 * c);
      for (int64_t p = 0; p < (count + kSize - 1) / kSize; p++) {
        for (int64_t c = 0; c < columns; c++)
          own[c] = multiply_add<Kind>(own[c], weights, p, load_groups(v + p * width + d + 16 * c));
      }
      for (int64_t c = 0; c < columns; c++) store(sums + d + 16 * c, own[c]);
    }
  }

  static void finish(float, int64_t, float*, const float*) {}
};

// The keys and values of all heads of one row, or of one text.
struct Cached {
  char *keys, *values;
  int64_t heads, width;
};

// Where an entry lies, in a cache of `length` positions an entry, which are whole blocks.
template <int64_t Kind>
Cached cached(void* keys, void* values, int64_t entry, int64_t length, int64_t heads,
              int64_t width) {
  const int64_t blocks = entry * (length / kKeys) * heads;
  return {static_cast<char*>(keys) + blocks * Format<Kind>::key_bytes(width),
          static_cast<char*>(values) + blocks * Format<Kind>::value_bytes(width), heads, width};
}

template <int64_t Kind>
void write_key_value(const Cached& to, int64_t head, int64_t position, const float* key,
                     const float* value) {
  const int64_t block = position / kKeys * to.heads + head;
  Format<Kind>::write(to.keys + block * Format<Kind>::key_bytes(to.width),
                      to.values + block * Format<Kind>::value_bytes(to.width), position % kKeys,
                      to.width, key, value);
}

// Heads `begin` to `end` of one row over `length` positions: softmax(query · keys / √width) · values.
// Queries and `out` are (heads, width).
template <int64_t Kind>
void attend(const float* queries, const Cached& from, int64_t length, int64_t begin, int64_t end,
            float* out) {
  using F = Format<Kind>;
  const int64_t width = from.width, num = end - begin;
  const int64_t padded_length = (length + kKeys - 1) / kKeys * kKeys;
  const int64_t key_bytes = F::key_bytes(width), value_bytes = F::value_bytes(width);
  static thread_local std::vector<float> all_scores, rest, scales;
  static thread_local std::vector<Floats> largest;
  static thread_local std::vector<typename F::Query> read;
  all_scores.resize(num * padded_length);
  rest.assign(num * width, 0.0f);
  largest.assign(num, all(-INFINITY));
  read.resize(num);
  scales.resize(num);
  for (int64_t h = 0; h < num; h++) F::read_query(queries + (begin + h) * width, width, &read[h]);
  for (int64_t start = 0; start < length; start += kKeys) {
    const char* keys = from.keys + (start / kKeys * from.heads + begin) * key_bytes;
    for (int64_t h = 0; h < num; h++) {
      const Floats s =
          first(F::score(read[h], keys + h * key_bytes, width), length - start, all(-INFINITY));
      largest[h] = larger(largest[h], s);
      store(&all_scores[h * padded_length + start], s);
    }
  }
  for (int64_t h = 0; h < num; h++)
    scales[h] = F::weigh(&all_scores[h * padded_length], length,
                         from.keys + (begin + h) * key_bytes, from.heads * key_bytes,
                         largest_of(largest[h]));
  std::memset(out + begin * width, 0, num * width * sizeof(float));
  for (int64_t start = 0; start < length; start += kKeys) {
    const char* values = from.values + (start / kKeys * from.heads + begin) * value_bytes;
    for (int64_t h = 0; h < num; h++)
      F::accumulate(&all_scores[h * padded_length + start],
                    std::min<int64_t>(kKeys, length - start), values + h * value_bytes, width,
                    out + (begin + h) * width, &rest[h * width]);
  }
  for (int64_t h = 0; h < num; h++)
    F::finish(scales[h], width, out + (begin + h) * width, &rest[h * width]);
}

template <int64_t Kind>
void write_text(void* keys, void* values, int64_t entry, int64_t heads, int64_t length,
                int64_t max_length, int64_t width, const float* key, const float* value) {
  const Cached to = cached<Kind>(keys, values, entry, max_length, heads, width);
  for (int64_t h = 0; h < heads; h++)
    for (int64_t t = 0; t < length; t++) {
      const int64_t source = (h * length + t) * width;
      write_key_value<Kind>(to, h, t, key + source, value + source);
    }
}

}  // namespace

extern "C" {

// Keys and values (heads, length, width) of a text into its place.
void write_text(int64_t is_bf16, void* keys, void* values, int64_t entry, int64_t heads,
                int64_t length, int64_t max_length, int64_t width, const float* key,
                const float* value) {
  auto* write = is_bf16 ? write_text<kBfloat16> : write_text<kFloat32>;
  write(keys, values, entry, heads, length, max_length, width, key, value);
}

}
