// Keys and values of eight bits.
//
// Every head of every position has a scale for its key and one for its value, so that nothing is
// rounded by what another row is. Attention reads its cache at the speed of memory, so that half the
// bytes are half the time; queries and weights, which are not read from there, have sixteen bits
// (weights fourteen where there is no VNNI), in two products each. All sums are of integers, thus
// exact.

#pragma once

#include "attention.h"

namespace {

// A block of keys is 16 scales, the 16 scales of the values, which are wanted at the same time, and
// keys, around `kZero`, (width / 4, 16, 4); a block of values, signed, (4, width, 4).
template <>
struct Format<kInt8> {
  static constexpr int64_t kScales = kKeys * sizeof(float);
  static constexpr int kWeightBits = kZero ? 8 : 7;  // of each half of a weight; see `dot`
  static constexpr float kBase = 1 << kWeightBits;
  static constexpr float kMostQuery = 128.0f * 127.0f, kMostWeight = kBase * (kBase - 1.0f);

  static int64_t key_bytes(int64_t width) { return 2 * kScales + kKeys * width; }
  static int64_t value_bytes(int64_t width) { return kKeys * width; }

  // 128 · high + low, both signed, times `scale`.
  struct Query {
    alignas(64) int8_t high[kMaxWidth];
    int8_t low[kMaxWidth];
    int32_t high_sum, low_sum;  // -kZero times the sums, since keys are around it
    float scale;
  };

  static void write(char* keys, char* values, int64_t lane, int64_t width, const float* key,
                    const float* value) {
    alignas(64) uint8_t bytes[kMaxWidth];
    auto* scales = reinterpret_cast<float*>(keys) + lane;
    scales[0] = round_to_bytes(key, width, bytes);
    for (int64_t d = 0; d < width; d += 4)
      std::memcpy(keys + 2 * kScales + d * kKeys + 4 * lane, bytes + d, 4);
    scales[kKeys] = round_to_bytes(value, width, bytes);
    char* group = values + lane / 4 * 4 * width + lane % 4;
    for (int64_t d = 0; d < width; d++) group[4 * d] = static_cast<char>(bytes[d] ^ kZero);
  }

  static void read_query(const float* query, int64_t width, Query* to) {
    Floats largest = all(0.0f);
    for (int64_t d = 0; d < width; d += kLanes)
      largest = larger(largest, absolute(load(query + d)));
    const float top = largest_of(largest);
    const Floats inverse = all(top > 0.0f ? kMostQuery / top : 0.0f);
    Wholes high_sum = all_wholes(0), low_sum = high_sum;
    for (int64_t d = 0; d < width; d += kLanes) {
      const Wholes q = to_wholes(multiply(load(query + d), inverse));
      const Wholes high = shift_right<7>(add(q, all_wholes(64)));
      const Wholes low = subtract(q, shift_left<7>(high));
      store_bytes(to->high + d, high);
      store_bytes(to->low + d, low);
      high_sum = add(high_sum, high);
      low_sum = add(low_sum, low);
    }
    to->high_sum = -kZero * sum_of(high_sum);
    to->low_sum = -kZero * sum_of(low_sum);
    to->scale = top / kMostQuery / std::sqrt(static_cast<float>(width));
  }

  static Wholes all_bytes(const void* four) {
    int32_t group;
    std::memcpy(&group, four, 4);
    return all_wholes(group);
  }

  static Floats score(const Query& query, const char* keys, int64_t width) {
    Wholes high = all_wholes(query.high_sum), low = all_wholes(query.low_sum);
    for (int64_t d = 0; d < width; d += 4) {
      const Wholes k = load_wholes(keys + 2 * kScales + d * kKeys);
      high = dot_around_zero(high, k, all_bytes(query.high + d));
      low = dot_around_zero(low, k, all_bytes(query.low + d));
    }
    const Wholes sum = add(shift_left<7>(high), low);
    const Floats scale = multiply(all(query.scale), load(reinterpret_cast<const float*>(keys)));
    return multiply(to_floats(sum), scale);
  }

  // Weights are kBase · high + low, both unsigned, times what is returned.
  static float weigh(float* scores, int64_t length, const char* keys, int64_t stride,
                     float top) {
    Floats total = all(0.0f), heaviest = all(0.0f);
    for (int64_t start = 0; start < length; start += kKeys, keys += stride) {
      const Floats e = first(exponential(subtract(load(scores + start), all(top))),
                             length - start, all(0.0f));
      total = add(total, e);
      const auto* scales = reinterpret_cast<const float*>(keys + kScales);
      const Floats weight = multiply(e, load(scales, length - start));
      heaviest = larger(heaviest, weight);
      store(scores + start, weight);
    }
    const float most = largest_of(heaviest);
    const Floats inverse = all(most > 0.0f ? kMostWeight / most : 0.0f);
    // 16 scores become 16 high bytes in their first quarter and 16 low ones in their second.
    for (int64_t start = 0; start < length; start += kKeys) {
      const Wholes w = to_wholes(multiply(load(scores + start), inverse));
      const Wholes high = shift_right<kWeightBits>(w);
      auto* to = reinterpret_cast<char*>(scores + start);
      store_bytes(to, high);
      store_bytes(to + kKeys, subtract(w, shift_left<kWeightBits>(high)));
    }
    return most / (kMostWeight * sum_of(total));
  }

  static void accumulate(const float* scores, int64_t count, const char* values, int64_t width,
                         float* sums, float* low_sums) {
    const auto* high = reinterpret_cast<const char*>(scores);
    const auto* low = high + kKeys;
    for (int64_t d = 0; d < width; d += 64) {
      const int64_t columns = std::min<int64_t>(4, (width - d) / 16);
      Wholes own[4], own_low[4];
      for (int64_t c = 0; c < columns; c++) {
        own[c] = load_wholes(sums + d + 16 * c);
        own_low[c] = load_wholes(low_sums + d + 16 * c);
      }
      for (int64_t p = 0; p < count; p += 4) {
        const Wholes weight = all_bytes(high + p), low_weight = all_bytes(low + p);
        for (int64_t c = 0; c < columns; c++) {
          const Wholes v = load_wholes(values + p * width + 4 * d + 64 * c);
          own[c] = dot(own[c], weight, v);
          own_low[c] = dot(own_low[c], low_weight, v);
        }
      }
      for (int64_t c = 0; c < columns; c++) {
        store_wholes(sums + d + 16 * c, own[c]);
        store_wholes(low_sums + d + 16 * c, own_low[c]);
      }
    }
  }

  static void finish(float scale, int64_t width, float* sums, const float* low_sums) {
    for (int64_t d = 0; d < width; d += kLanes) {
      const Floats high = to_floats(load_wholes(sums + d));
      const Floats low = to_floats(load_wholes(low_sums + d));
      store(sums + d, multiply(multiply_add(high, all(kBase), low), all(scale)));
    }
  }
};

}  // namespace
