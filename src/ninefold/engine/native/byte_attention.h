// Keys and values of eight bits, for AVX-512 with VNNI.
//
// Every head of every position has a scale for its key and one for its value, so that nothing is
// rounded by what another row is. Attention reads its cache at the speed of memory, so that half the
// bytes are half the time; queries and weights, which are not read from there, have sixteen bits, in
// two products each. All sums are of integers, thus exact.

#pragma once

#include "attention.h"

#if HAS_AVX512

namespace {

// A block of keys is 16 scales, the 16 scales of the values, which are wanted at the same time, and
// keys, unsigned around 128, (width / 4, 16, 4); a block of values, signed, (4, width, 4).
template <>
struct Format<kInt8> {
  static constexpr int64_t kScales = kKeys * sizeof(float);
  static constexpr float kMostQuery = 128.0f * 127.0f, kMostWeight = 256.0f * 255.0f;

  static int64_t key_bytes(int64_t width) { return 2 * kScales + kKeys * width; }
  static int64_t value_bytes(int64_t width) { return kKeys * width; }

  // 128 · high + low, both signed, times `scale`.
  struct Query {
    alignas(64) int8_t high[kMaxWidth];
    int8_t low[kMaxWidth];
    int32_t high_sum, low_sum;  // -128 times the sums, since keys are around 128
    float scale;
  };

  // Round a row to eight bits, unsigned around 128, and return its scale.
  static float round(const float* from, int64_t width, uint8_t* to) {
    float scale;
    convert(kInt8, from, width, reinterpret_cast<uint32_t*>(to), &scale);
    return scale;
  }

  static void write(char* keys, char* values, int64_t lane, int64_t width, const float* key,
                    const float* value) {
    alignas(64) uint8_t bytes[kMaxWidth];
    auto* scales = reinterpret_cast<float*>(keys) + lane;
    scales[0] = round(key, width, bytes);
    for (int64_t d = 0; d < width; d += 4)
      std::memcpy(keys + 2 * kScales + d * kKeys + 4 * lane, bytes + d, 4);
    scales[kKeys] = round(value, width, bytes);
    char* group = values + lane / 4 * 4 * width + lane % 4;
    for (int64_t d = 0; d < width; d++) group[4 * d] = static_cast<char>(bytes[d] ^ 0x80);
  }

  static void read_query(const float* query, int64_t width, Query* to) {
    __m512 largest = _mm512_setzero_ps();
    for (int64_t d = 0; d < width; d += 16) largest = larger(largest, absolute(load(query + d)));
    const float top = largest_of(largest);
    const __m512 inverse = all(top > 0.0f ? kMostQuery / top : 0.0f);
    __m512i high_sum = _mm512_setzero_si512(), low_sum = high_sum;
    for (int64_t d = 0; d < width; d += 16) {
      const __m512i q = _mm512_cvtps_epi32(multiply(load(query + d), inverse));
      const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(64)), 7);
      const __m512i low = _mm512_sub_epi32(q, _mm512_slli_epi32(high, 7));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to->high + d), _mm512_cvtepi32_epi8(high));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to->low + d), _mm512_cvtepi32_epi8(low));
      high_sum = _mm512_add_epi32(high_sum, high);
      low_sum = _mm512_add_epi32(low_sum, low);
    }
    to->high_sum = -128 * _mm512_reduce_add_epi32(high_sum);
    to->low_sum = -128 * _mm512_reduce_add_epi32(low_sum);
    to->scale = top / kMostQuery / std::sqrt(static_cast<float>(width));
  }

  static __m512i all_bytes(const void* four) {
    int32_t group;
    std::memcpy(&group, four, 4);
    return _mm512_set1_epi32(group);
  }

  static Floats score(const Query& query, const char* keys, int64_t width) {
    __m512i high = _mm512_set1_epi32(query.high_sum), low = _mm512_set1_epi32(query.low_sum);
    for (int64_t d = 0; d < width; d += 4) {
      const __m512i k = _mm512_loadu_si512(keys + 2 * kScales + d * kKeys);
      high = _mm512_dpbusd_epi32(high, k, all_bytes(query.high + d));
      low = _mm512_dpbusd_epi32(low, k, all_bytes(query.low + d));
    }
    const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high, 7), low);
    const __m512 scale = multiply(all(query.scale), load(reinterpret_cast<const float*>(keys)));
    return multiply(_mm512_cvtepi32_ps(sum), scale);
  }

  // Weights are 256 · high + low, both unsigned, times what is returned.
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
      const __m512i w = _mm512_cvtps_epi32(multiply(load(scores + start), inverse));
      auto* to = reinterpret_cast<__m128i*>(scores + start);
      _mm_storeu_si128(to, _mm512_cvtepi32_epi8(_mm512_srli_epi32(w, 8)));
      _mm_storeu_si128(to + 1, _mm512_cvtepi32_epi8(w));
    }
    return most / (kMostWeight * sum_of(total));
  }

  static void accumulate(const float* scores, int64_t count, const char* values, int64_t width,
                         float* sums, float* low_sums) {
    const auto* high = reinterpret_cast<const char*>(scores);
    const auto* low = high + kKeys;
    for (int64_t d = 0; d < width; d += 64) {
      const int64_t columns = std::min<int64_t>(4, (width - d) / 16);
      __m512i own[4], own_low[4];
      for (int64_t c = 0; c < columns; c++) {
        own[c] = _mm512_loadu_si512(sums + d + 16 * c);
        own_low[c] = _mm512_loadu_si512(low_sums + d + 16 * c);
      }
      for (int64_t p = 0; p < count; p += 4) {
        const __m512i weight = all_bytes(high + p), low_weight = all_bytes(low + p);
        for (int64_t c = 0; c < columns; c++) {
          const __m512i v = _mm512_loadu_si512(values + p * width + 4 * d + 64 * c);
          own[c] = _mm512_dpbusd_epi32(own[c], weight, v);
          own_low[c] = _mm512_dpbusd_epi32(own_low[c], low_weight, v);
        }
      }
      for (int64_t c = 0; c < columns; c++) {
        _mm512_storeu_si512(sums + d + 16 * c, own[c]);
        _mm512_storeu_si512(low_sums + d + 16 * c, own_low[c]);
      }
    }
  }

  static void finish(float scale, int64_t width, float* sums, const float* low_sums) {
    for (int64_t d = 0; d < width; d += 16) {
      const __m512 high = _mm512_cvtepi32_ps(_mm512_loadu_si512(sums + d));
      const __m512 low = _mm512_cvtepi32_ps(_mm512_loadu_si512(low_sums + d));
      store(sums + d, multiply(multiply_add(high, all(256.0f), low), all(scale)));
    }
  }
};

}  // namespace

#endif
