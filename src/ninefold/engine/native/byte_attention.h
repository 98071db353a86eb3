// Attention of one query over keys and values of eight bits, for AVX-512 with VNNI.
//
// Every head of every position has a scale of its own for its key and one for its value, so that
// nothing is rounded by what another row is. Attention reads its cache at the speed of memory, so
// that half the bytes are half the time; queries and weights, which are not read from there, have
// sixteen bits, in two products each. All sums are of integers, thus exact.

#pragma once

#include "attention.h"

#if HAS_AVX512

namespace {

// Keys and values lie in blocks of 16 positions: 16 scales, then for keys, unsigned around 128,
// (width / 4, 16 positions, 4), for values, signed, (4, width, 4 positions).
constexpr int64_t kScaleBytes = kKeys * sizeof(float);

int64_t byte_block(int64_t width) { return kScaleBytes + kKeys * width; }

// Round a row to eight bits, unsigned around 128, and return its scale.
float to_bytes(const float* from, int64_t width, uint8_t* to) {
  float scale;
  convert(kInt8, from, width, reinterpret_cast<uint32_t*>(to), &scale);
  return scale;
}

void write_bytes(void* keys, void* values, int64_t position, int64_t width, const float* key,
                 const float* value) {
  alignas(64) uint8_t bytes[kMaxWidth];
  const int64_t block = position / kKeys * byte_block(width), lane = position % kKeys;
  char* k = static_cast<char*>(keys) + block;
  reinterpret_cast<float*>(k)[lane] = to_bytes(key, width, bytes);
  for (int64_t d = 0; d < width; d += 4)
    std::memcpy(k + kScaleBytes + d * kKeys + 4 * lane, bytes + d, 4);
  char* v = static_cast<char*>(values) + block;
  reinterpret_cast<float*>(v)[lane] = to_bytes(value, width, bytes);
  char* group = v + kScaleBytes + lane / 4 * 4 * width + lane % 4;
  for (int64_t d = 0; d < width; d++) group[4 * d] = static_cast<char>(bytes[d] ^ 0x80);
}

inline void prefetch(const char* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) _mm_prefetch(from + i, _MM_HINT_T0);
}

// A query of sixteen bits: 128 · high + low, both signed, times `scale`.
struct ByteQuery {
  alignas(64) int8_t high[kMaxWidth], low[kMaxWidth];
  int32_t sum_high, sum_low;  // -128 times the sums, since keys are around 128
  float scale;
};

void round_query(const float* query, int64_t width, ByteQuery* to) {
  __m512 largest = _mm512_setzero_ps();
  for (int64_t d = 0; d < width; d += 16) largest = larger(largest, absolute(load(query + d)));
  const float top = largest_of(largest);
  const __m512 inverse = all(top > 0.0f ? 128.0f * 127.0f / top : 0.0f);
  __m512i sum_high = _mm512_setzero_si512(), sum_low = sum_high;
  for (int64_t d = 0; d < width; d += 16) {
    const __m512i q = _mm512_cvtps_epi32(multiply(load(query + d), inverse));
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(64)), 7);
    const __m512i low = _mm512_sub_epi32(q, _mm512_slli_epi32(high, 7));
    _mm_store_si128(reinterpret_cast<__m128i*>(to->high + d), _mm512_cvtepi32_epi8(high));
    _mm_store_si128(reinterpret_cast<__m128i*>(to->low + d), _mm512_cvtepi32_epi8(low));
    sum_high = _mm512_add_epi32(sum_high, high);
    sum_low = _mm512_add_epi32(sum_low, low);
  }
  to->sum_high = -128 * _mm512_reduce_add_epi32(sum_high);
  to->sum_low = -128 * _mm512_reduce_add_epi32(sum_low);
  to->scale = top / (128.0f * 127.0f) / std::sqrt(static_cast<float>(width));
}

// Query times 16 keys.
__m512 score(const ByteQuery& query, const char* block, int64_t width) {
  __m512i high = _mm512_set1_epi32(query.sum_high), low = _mm512_set1_epi32(query.sum_low);
  for (int64_t d = 0; d < width; d += 4) {
    const __m512i k = _mm512_loadu_si512(block + kScaleBytes + d * kKeys);
    int32_t h, l;
    std::memcpy(&h, query.high + d, 4);
    std::memcpy(&l, query.low + d, 4);
    high = _mm512_dpbusd_epi32(high, k, _mm512_set1_epi32(h));
    low = _mm512_dpbusd_epi32(low, k, _mm512_set1_epi32(l));
  }
  const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high, 7), low);
  const __m512 scale = multiply(all(query.scale), load(reinterpret_cast<const float*>(block)));
  return multiply(_mm512_cvtepi32_ps(sum), scale);
}

// One head of one row over `length` positions: softmax(query · keys / √width) · values. `next` is
// prefetched: keys that will be read after this.
void attend_bytes(const float* query, const void* keys, const void* values, int64_t length,
                  int64_t width, const void* next, float* out) {
  alignas(64) float scores[kMaxLength];
  alignas(64) uint8_t high[kMaxLength], low[kMaxLength];
  ByteQuery rounded;
  round_query(query, width, &rounded);
  const int64_t block = byte_block(width);
  const auto* k = static_cast<const char*>(keys);
  const auto* v = static_cast<const char*>(values);
  const auto* ahead = static_cast<const char*>(next);
  Floats largest = all(-INFINITY);
  for (int64_t start = 0; start < length; start += kKeys, k += block) {
    prefetch(v + start / kKeys * block, block);
    const Floats s = first(score(rounded, k, width), length - start, all(-INFINITY));
    largest = larger(largest, s);
    store(scores + start, s);
  }
  const Floats top = all(largest_of(largest));
  Floats total = all(0.0f), heaviest = all(0.0f);
  for (int64_t start = 0; start < length; start += kKeys) {
    const Floats e =
        first(exponential(subtract(load(scores + start), top)), length - start, all(0.0f));
    total = add(total, e);
    const auto* scales = reinterpret_cast<const float*>(v + start / kKeys * block);
    const Floats weight = multiply(e, load(scales, length - start));
    heaviest = larger(heaviest, weight);
    store(scores + start, weight);
  }
  // Weights of sixteen bits: 256 · high + low, both unsigned.
  constexpr float kMost = 255.0f * 256.0f;
  const float most = largest_of(heaviest);
  const Floats inverse = all(most > 0.0f ? kMost / most : 0.0f);
  for (int64_t start = 0; start < length; start += kKeys) {
    const __m512i w = _mm512_cvtps_epi32(multiply(load(scores + start), inverse));
    _mm_store_si128(reinterpret_cast<__m128i*>(high + start),
                    _mm512_cvtepi32_epi8(_mm512_srli_epi32(w, 8)));
    _mm_store_si128(reinterpret_cast<__m128i*>(low + start), _mm512_cvtepi32_epi8(w));
  }
  const float share = most / (kMost * sum_of(total));
  for (int64_t d = 0; d < width; d += 64) {
    const int64_t columns = std::min<int64_t>(4, (width - d) / 16);
    __m512i sum_high[4] = {}, sum_low[4] = {};
    for (int64_t p = 0; p < length; p += 4) {
      const char* from = v + p / kKeys * block + kScaleBytes + (p % kKeys * width + 4 * d);
      if (p % kKeys == 0) prefetch(ahead + p / kKeys * block, d ? 0 : block);
      int32_t h, l;
      std::memcpy(&h, high + p, 4);
      std::memcpy(&l, low + p, 4);
      const __m512i weight_high = _mm512_set1_epi32(h), weight_low = _mm512_set1_epi32(l);
      for (int64_t c = 0; c < columns; c++) {
        const __m512i values = _mm512_loadu_si512(from + 64 * c);
        sum_high[c] = _mm512_dpbusd_epi32(sum_high[c], weight_high, values);
        sum_low[c] = _mm512_dpbusd_epi32(sum_low[c], weight_low, values);
      }
    }
    for (int64_t c = 0; c < columns; c++) {
      const Floats sum = multiply_add(_mm512_cvtepi32_ps(sum_high[c]), all(256.0f),
                                      _mm512_cvtepi32_ps(sum_low[c]));
      store(out + d + 16 * c, multiply(sum, all(share)));
    }
  }
}

}  // namespace

#endif
