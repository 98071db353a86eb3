// Sixteen float32 at a time: one register of AVX-512, or two of AVX2, with the same bits in both.
//
// `Groups` are sixteen 32-bit groups of weights of a product, of keys or of values. Nothing here is
// contracted or reordered by the compiler (-ffp-contract=off), so that what is written is what is
// computed.

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

// Products of bytes on registers of AVX2: by AVX-VNNI, or by what AVX-512 has of it.
#if !HAS_AVX512 && \
    (defined(__AVXVNNI__) || (defined(__AVX512VNNI__) && defined(__AVX512VL__)))
#define HAS_VNNI256 1
#else
#define HAS_VNNI256 0
#endif

namespace {

constexpr int kLanes = 16;

// Kinds of matrix products, with so many weights to a 32-bit group: float32 (1), bfloat16 (2), eight
// bit (4): weights signed with a scale a column, inputs with a scale a row. Inputs have eight bits,
// unsigned around 128, where there is VNNI, and twelve elsewhere and of the wide kind, which only
// AVX2 has.
constexpr int64_t kFloat32 = 0, kBfloat16 = 1, kInt8 = 2, kWide = 3;

constexpr bool has_wide_inputs(int64_t kind) {
  return kind == kWide || (kind == kInt8 && !HAS_AVX512 && !HAS_VNNI256);
}

// What stands for zero in bytes that are multiplied with signed ones. VNNI takes unsigned ones;
// without it the amounts of one are multiplied with the other under both signs, so that no sum of 16
// bits overflows.
constexpr int32_t kZero = HAS_AVX512 || HAS_VNNI256 ? 128 : 0;

// Inputs of a product have the format of the weights, but where AVX2 widens weights of bfloat16 in
// its registers they stay float32.
constexpr bool kWidensBfloat16 = !HAS_AVX512;

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

// sum + the inputs of group `g` times what they are multiplied with in each lane.
template <int64_t Kind>
inline Floats multiply_add(Floats sum, const uint32_t* inputs, int64_t g, Groups b) {
  return multiply_add<Kind>(sum, all_groups(inputs[g]), b);
}

// Sixteen 32-bit whole numbers, or as many groups of four bytes.
using Wholes = __m512i;

inline Wholes all_wholes(int32_t x) { return _mm512_set1_epi32(x); }
inline Wholes load_wholes(const void* from) { return _mm512_loadu_si512(from); }
inline void store_wholes(void* to, Wholes v) { _mm512_storeu_si512(to, v); }
inline Wholes add(Wholes a, Wholes b) { return _mm512_add_epi32(a, b); }
inline Wholes subtract(Wholes a, Wholes b) { return _mm512_sub_epi32(a, b); }
template <int N>
inline Wholes shift_left(Wholes a) { return _mm512_slli_epi32(a, N); }
template <int N>
inline Wholes shift_right(Wholes a) { return _mm512_srai_epi32(a, N); }
inline int32_t sum_of(Wholes v) { return _mm512_reduce_add_epi32(v); }
inline Floats to_floats(Wholes v) { return _mm512_cvtepi32_ps(v); }
inline Wholes to_wholes(Floats v) { return _mm512_cvtps_epi32(v); }
// The lowest byte of each.
inline void store_bytes(void* to, Wholes v) {
  _mm_storeu_si128(static_cast<__m128i*>(to), _mm512_cvtepi32_epi8(v));
}
// sum + four unsigned bytes times four signed ones in each lane.
inline Wholes dot(Wholes sum, Wholes a, Wholes b) { return _mm512_dpbusd_epi32(sum, a, b); }
// The same of bytes around `kZero`, not corrected, and signed ones.
inline Wholes dot_around_zero(Wholes sum, Wholes a, Wholes b) { return dot(sum, a, b); }

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

// sum + the inputs of group `g` times what they are multiplied with in each lane.
template <int64_t Kind>
inline Floats multiply_add(Floats sum, const uint32_t* inputs, int64_t g, Groups b) {
  if constexpr (Kind == kFloat32) return multiply_add(all_groups(inputs[g]), b, sum);
  const auto even = [](__m256 v) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(v), 16));
  };
  const __m256 odd = _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int32_t>(0xffff0000)));
  sum = multiply_add(all_groups(inputs[2 * g]), {even(b.low), even(b.high)}, sum);
  return multiply_add(all_groups(inputs[2 * g + 1]),
                      {_mm256_and_ps(b.low, odd), _mm256_and_ps(b.high, odd)}, sum);
}

// sum + four unsigned bytes times four signed ones in each lane. Without VNNI the unsigned ones must
// be 127 at most, and no signed one below -127: two products are added in 16 bits.
inline __m256i dot(__m256i sum, __m256i a, __m256i b) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(sum, a, b);
#elif HAS_VNNI256
  return _mm256_dpbusd_epi32(sum, a, b);
#else
  const __m256i pairs = _mm256_maddubs_epi16(a, b);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}

// sum + two signed numbers of 16 bits times two others in each lane.
inline __m256i dot_pairs(__m256i sum, __m256i a, __m256i b) {
#if defined(__AVXVNNI__)
  return _mm256_dpwssd_avx_epi32(sum, a, b);
#elif HAS_VNNI256
  return _mm256_dpwssd_epi32(sum, a, b);
#else
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
#endif
}

// Sixteen 32-bit whole numbers, or as many groups of four bytes.
struct Wholes {
  __m256i low, high;
};

inline Wholes all_wholes(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline Wholes load_wholes(const void* from) {
  const auto* halves = static_cast<const __m256i*>(from);
  return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}
inline void store_wholes(void* to, Wholes v) {
  auto* halves = static_cast<__m256i*>(to);
  _mm256_storeu_si256(halves, v.low);
  _mm256_storeu_si256(halves + 1, v.high);
}
inline Wholes add(Wholes a, Wholes b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
inline Wholes subtract(Wholes a, Wholes b) {
  return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
}
template <int N>
inline Wholes shift_left(Wholes a) {
  return {_mm256_slli_epi32(a.low, N), _mm256_slli_epi32(a.high, N)};
}
template <int N>
inline Wholes shift_right(Wholes a) {
  return {_mm256_srai_epi32(a.low, N), _mm256_srai_epi32(a.high, N)};
}
inline int32_t sum_of(Wholes v) {
  alignas(32) int32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), _mm256_add_epi32(v.low, v.high));
  int32_t sum = 0;
  for (const int32_t lane : lanes) sum += lane;
  return sum;
}
inline Floats to_floats(Wholes v) {
  return {_mm256_cvtepi32_ps(v.low), _mm256_cvtepi32_ps(v.high)};
}
inline Wholes to_wholes(Floats v) {
  return {_mm256_cvtps_epi32(v.low), _mm256_cvtps_epi32(v.high)};
}
// The lowest byte of each.
inline void store_bytes(void* to, Wholes v) {
  const __m256i byte = _mm256_set1_epi32(0xff);
  const __m256i pairs =
      _mm256_packus_epi32(_mm256_and_si256(v.low, byte), _mm256_and_si256(v.high, byte));
  const __m256i ordered = _mm256_permute4x64_epi64(pairs, 0xd8);
  _mm_storeu_si128(static_cast<__m128i*>(to),
                   _mm_packus_epi16(_mm256_castsi256_si128(ordered),
                                    _mm256_extracti128_si256(ordered, 1)));
}
inline Wholes dot(Wholes sum, Wholes a, Wholes b) {
  return {dot(sum.low, a.low, b.low), dot(sum.high, a.high, b.high)};
}
// The same of bytes around `kZero`, not corrected, and signed ones.
inline __m256i dot_around_zero(__m256i sum, __m256i a, __m256i b) {
#if HAS_VNNI256
  return dot(sum, a, b);
#else
  return dot(sum, _mm256_abs_epi8(b), _mm256_sign_epi8(a, b));
#endif
}
inline Wholes dot_around_zero(Wholes sum, Wholes a, Wholes b) {
  return {dot_around_zero(sum.low, a.low, b.low), dot_around_zero(sum.high, a.high, b.high)};
}

#endif

}  // namespace
