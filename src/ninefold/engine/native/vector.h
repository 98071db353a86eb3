// Sixteen float32 at a time: one register of AVX-512, or two of AVX2, with the same bits in both.
//
// `Groups` are sixteen 32-bit groups of inputs to a product. Nothing here is contracted or reordered
// by the compiler (-ffp-contract=off), so that what is written is what is computed.

#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && \
    defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#define HAS_AVX512 1
#else
#define HAS_AVX512 0
#endif

namespace {

constexpr int kLanes = 16;

// Kinds of matrix products, with so many inputs to a 32-bit group: float32 (1), bfloat16 (2), eight
// bit (4): inputs unsigned around 128 with a scale a row, weights signed with a scale a column.
constexpr int64_t kFloat32 = 0, kBfloat16 = 1, kInt8 = 2;

// The sum and the largest of a register, halving it again and again.
inline float sum_of(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

inline float largest_of(__m256 v) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

#if HAS_AVX512

using Floats = __m512;
using Groups = __m512i;

inline __mmask16 lanes(int64_t count) {
  return count >= kLanes ? 0xffff : static_cast<__mmask16>((1u << count) - 1);
}

inline Floats all(float x) { return _mm512_set1_ps(x); }
inline Floats load(const float* from) { return _mm512_loadu_ps(from); }
inline Floats load(const float* from, int64_t count) {  // zeros beyond `count`
  return _mm512_maskz_loadu_ps(lanes(count), from);
}
inline void store(float* to, Floats v) { _mm512_storeu_ps(to, v); }
inline void store(float* to, Floats v, int64_t count) {
  _mm512_mask_storeu_ps(to, lanes(count), v);
}
// The first `count` of `v`, then `rest`.
inline Floats first(Floats v, int64_t count, Floats rest) {
  return _mm512_mask_mov_ps(rest, lanes(count), v);
}
inline Floats where_negative(Floats x, Floats then, Floats otherwise) {
  return _mm512_mask_mov_ps(
      otherwise, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), then);
}
// A bit for each that is not below `limit`.
inline uint32_t at_least(Floats v, Floats limit) {
  return _mm512_cmp_ps_mask(v, limit, _CMP_GE_OQ);
}
inline Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
inline Floats subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
inline Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
inline Floats divide(Floats a, Floats b) { return _mm512_div_ps(a, b); }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats larger(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats smaller(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats absolute(Floats a) { return _mm512_abs_ps(a); }
inline Floats nearest_whole(Floats a) { return _mm512_roundscale_ps(a, 0); }
// a · 2^n for whole n from -126 to 127.
inline Floats scale_by_power(Floats a, Floats n) { return _mm512_scalef_ps(a, n); }
inline float sum_of(Floats v) {
  return sum_of(_mm256_add_ps(
      _mm512_castps512_ps256(v),
      _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1))));
}
inline float largest_of(Floats v) {
  return largest_of(_mm256_max_ps(
      _mm512_castps512_ps256(v),
      _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1))));
}
inline Groups load_groups(const uint32_t* from) { return _mm512_loadu_si512(from); }
inline Floats load_bf16(const uint16_t* from) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
inline void store_bf16(uint16_t* to, Floats v) {
  const __m256bh half = _mm512_cvtneps_pbh(v);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<const __m256i&>(half));
}
inline Groups all_groups(uint32_t group) { return _mm512_set1_epi32(static_cast<int>(group)); }

template <int64_t Kind>
inline Floats multiply_add(Floats sum, Groups a, Groups b) {
  if constexpr (Kind == kFloat32)
    return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
  else
    return _mm512_dpbf16_ps(sum, reinterpret_cast<const __m512bh&>(a),
                            reinterpret_cast<const __m512bh&>(b));
}

#else

struct Floats {
  __m256 low, high;
};
using Groups = Floats;

// A window of so many ones, then zeros.
inline __m256i lanes(int64_t count) {
  alignas(32) static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  const int64_t kept = std::min<int64_t>(8, std::max<int64_t>(0, count));
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ones + 8 - kept));
}

inline Floats all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Floats load(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
inline Floats load(const float* from, int64_t count) {
  if (count >= kLanes) return load(from);
  return {_mm256_maskload_ps(from, lanes(count)), _mm256_maskload_ps(from + 8, lanes(count - 8))};
}
inline void store(float* to, Floats v) {
  _mm256_storeu_ps(to, v.low);
  _mm256_storeu_ps(to + 8, v.high);
}
inline void store(float* to, Floats v, int64_t count) {
  if (count >= kLanes) return store(to, v);
  _mm256_maskstore_ps(to, lanes(count), v.low);
  _mm256_maskstore_ps(to + 8, lanes(count - 8), v.high);
}
inline Floats first(Floats v, int64_t count, Floats rest) {
  return {_mm256_blendv_ps(rest.low, v.low, _mm256_castsi256_ps(lanes(count))),
          _mm256_blendv_ps(rest.high, v.high, _mm256_castsi256_ps(lanes(count - 8)))};
}
inline Floats where_negative(Floats x, Floats then, Floats otherwise) {
  const __m256 zero = _mm256_setzero_ps();
  return {_mm256_blendv_ps(otherwise.low, then.low, _mm256_cmp_ps(x.low, zero, _CMP_LT_OQ)),
          _mm256_blendv_ps(otherwise.high, then.high, _mm256_cmp_ps(x.high, zero, _CMP_LT_OQ))};
}
inline uint32_t at_least(Floats v, Floats limit) {
  return _mm256_movemask_ps(_mm256_cmp_ps(v.low, limit.low, _CMP_GE_OQ)) |
         _mm256_movemask_ps(_mm256_cmp_ps(v.high, limit.high, _CMP_GE_OQ)) << 8;
}
inline Floats add(Floats a, Floats b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
inline Floats subtract(Floats a, Floats b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
inline Floats multiply(Floats a, Floats b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
inline Floats divide(Floats a, Floats b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
inline Floats multiply_add(Floats a, Floats b, Floats c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline Floats larger(Floats a, Floats b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
inline Floats smaller(Floats a, Floats b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
inline Floats absolute(Floats a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
inline Floats nearest_whole(Floats a) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.low, kNearest), _mm256_round_ps(a.high, kNearest)};
}
inline __m256 power_of_two(__m256 n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
inline Floats scale_by_power(Floats a, Floats n) {
  return multiply(a, Floats{power_of_two(n.low), power_of_two(n.high)});
}
inline float sum_of(Floats v) { return sum_of(_mm256_add_ps(v.low, v.high)); }
inline float largest_of(Floats v) { return largest_of(_mm256_max_ps(v.low, v.high)); }
inline Groups load_groups(const uint32_t* from) {
  return load(reinterpret_cast<const float*>(from));
}
inline Groups all_groups(uint32_t group) {
  float value;
  std::memcpy(&value, &group, 4);
  return all(value);
}

template <int64_t Kind>
inline Floats multiply_add(Floats sum, Groups a, Groups b) {
  static_assert(Kind == kFloat32, "AVX2 multiplies float32 only");
  return multiply_add(a, b, sum);
}

#endif

}  // namespace
