// Matrix products of few rows with packed weights.
//
// Every output has one accumulator that runs through the row's inputs from first to last, however
// many rows there are, so that a row's results do not depend on the others.

#pragma once

#include <type_traits>
#include <utility>

#include "rows.h"

namespace {

constexpr int kPanel = 48;  // output columns that lie together

// Rows that are computed together. Of AVX-512 they have 27 accumulators with a panel; of AVX2 12 with
// a third of one, or 9 with a sixth, where products of bytes take more registers.
template <int64_t Kind>
constexpr int kRows = HAS_AVX512 || Kind == kInt8 || Kind == kWide ? 9 : 6;

struct Linear {
  const uint32_t* panels;
  const float* column_scale;  // of eight-bit weights
  const int32_t* column_sum;  // 128 times the sum of a column's eight-bit weights
  int64_t outputs, inputs, kind;
};

int64_t padded(int64_t outputs) { return (outputs + kPanel - 1) / kPanel * kPanel; }

template <typename Do, int... I>
inline __attribute__((always_inline)) void each(std::integer_sequence<int, I...>, Do&& act) {
  (act(std::integral_constant<int, I>{}), ...);
}

// act(0), …, act(N - 1) with constants, so that arrays so indexed can live in registers.
template <int N, typename Do>
inline __attribute__((always_inline)) void each(Do&& act) {
  each(std::make_integer_sequence<int, N>{}, act);
}

#if HAS_AVX512

template <int64_t Kind>
inline __m512i accumulate(__m512i sum, __m512i a, __m512i b) {
  if constexpr (Kind == kInt8) return _mm512_dpbusd_epi32(sum, a, b);
  else return _mm512_castps_si512(multiply_add<Kind>(_mm512_castsi512_ps(sum), a, b));
}

// R rows times the first C registers of a panel. `next` is prefetched: it is what will be read after this.
template <int64_t Kind, int R, int C>
void tile(const uint32_t* a, int64_t groups, const uint32_t* b, const char* next, float* out,
          int64_t stride, const float* row_scale, const float* column_scale,
          const int32_t* column_sum) {
  __m512i sums[R][C];
  each<R>([&](auto r) {
    each<C>([&](auto c) { sums[r][c] = _mm512_setzero_si512(); });
  });
  for (int64_t g = 0; g < groups; g++) {
    __m512i columns[C];
    each<C>([&](auto c) {
      columns[c] = _mm512_loadu_si512(b + g * kPanel + 16 * c);
      _mm_prefetch(next + g * kPanel * 4 + 64 * c, _MM_HINT_T1);
    });
    each<R>([&](auto r) {
      const __m512i v = _mm512_set1_epi32(static_cast<int>(a[r * groups + g]));
      each<C>([&](auto c) { sums[r][c] = accumulate<Kind>(sums[r][c], v, columns[c]); });
    });
  }
  each<R>([&](auto r) {
    each<C>([&](auto c) {
      __m512 v = _mm512_castsi512_ps(sums[r][c]);
      if constexpr (Kind == kInt8) {
        const __m512i sum = _mm512_sub_epi32(sums[r][c], _mm512_loadu_si512(column_sum + 16 * c));
        v = _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(row_scale[r])),
                          _mm512_loadu_ps(column_scale + 16 * c));
      }
      _mm512_storeu_ps(out + r * stride + 16 * c, v);
    });
  });
}

#else

// Sums of R rows, in registers, with 16 columns of float32 or bfloat16.
template <int64_t Kind, int R>
void tile_of_floats(const uint32_t* a, int64_t groups, const uint32_t* b, const char* next,
                    float* out, int64_t stride) {
  constexpr int kSize = Kind == kFloat32 ? 1 : 2;
  const auto* rows = reinterpret_cast<const float*>(a);
  const auto* columns = reinterpret_cast<const float*>(b);
  __m256 sums[R][2];
  each<R>([&](auto r) { sums[r][0] = sums[r][1] = _mm256_setzero_ps(); });
  for (int64_t g = 0; g < groups; g++) {
    _mm_prefetch(next + g * kPanel * sizeof(float), _MM_HINT_T1);
    each<kSize>([&](auto j) {
      __m256 low = _mm256_loadu_ps(columns + g * kPanel);
      __m256 high = _mm256_loadu_ps(columns + g * kPanel + 8);
      if constexpr (Kind == kBfloat16 && j == 0) {
        low = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(low), 16));
        high = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(high), 16));
      } else if constexpr (Kind == kBfloat16) {
        const __m256i upper = _mm256_set1_epi32(static_cast<int32_t>(0xffff0000));
        low = _mm256_and_ps(low, _mm256_castsi256_ps(upper));
        high = _mm256_and_ps(high, _mm256_castsi256_ps(upper));
      }
      each<R>([&](auto r) {
        const __m256 v = _mm256_broadcast_ss(rows + (r * groups + g) * kSize + j);
        sums[r][0] = _mm256_fmadd_ps(v, low, sums[r][0]);
        sums[r][1] = _mm256_fmadd_ps(v, high, sums[r][1]);
      });
    });
  }
  each<R>([&](auto r) {
    _mm256_storeu_ps(out + r * stride, sums[r][0]);
    _mm256_storeu_ps(out + r * stride + 8, sums[r][1]);
  });
}

// The same with 8 columns of eight bits.
template <int64_t Kind, int R>
void tile_of_bytes(const uint32_t* a, int64_t groups, const uint32_t* b, const char* next,
                   float* out, int64_t stride, const float* row_scale, const float* column_scale,
                   const int32_t* column_sum) {
  const auto all_lanes = [](uint32_t word) { return _mm256_set1_epi32(static_cast<int>(word)); };
  __m256i sums[R];
  each<R>([&](auto r) { sums[r] = _mm256_setzero_si256(); });
  for (int64_t g = 0; g < groups; g++) {
    _mm_prefetch(next + g * kPanel * sizeof(uint32_t), _MM_HINT_T1);
    const __m256i columns = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + g * kPanel));
    if constexpr (has_wide_inputs(Kind)) {
      const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(columns, 8), 8);
      const __m256i odd = _mm256_srai_epi16(columns, 8);
      each<R>([&](auto r) {
        const uint32_t* words = a + 2 * (r * groups + g);
        sums[r] = dot_pairs(sums[r], all_lanes(words[0]), even);
        sums[r] = dot_pairs(sums[r], all_lanes(words[1]), odd);
      });
    } else {
      each<R>([&](auto r) { sums[r] = dot(sums[r], all_lanes(a[r * groups + g]), columns); });
    }
  }
  each<R>([&](auto r) {
    __m256i sum = sums[r];
    if constexpr (!has_wide_inputs(Kind))
      sum = _mm256_sub_epi32(
          sum, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column_sum)));
    const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_set1_ps(row_scale[r]));
    _mm256_storeu_ps(out + r * stride, _mm256_mul_ps(scaled, _mm256_loadu_ps(column_scale)));
  });
}

template <int64_t Kind, int R, int C>
void tile(const uint32_t* a, int64_t groups, const uint32_t* b, const char* next, float* out,
          int64_t stride, const float* row_scale, const float* column_scale,
          const int32_t* column_sum) {
  constexpr bool kIsBytes = Kind == kInt8 || Kind == kWide;
  constexpr int kColumns = kIsBytes ? 8 : 16;
  for (int c = 0; c < C * kLanes; c += kColumns) {
    const char* ahead = next + c * sizeof(float);
    if constexpr (kIsBytes)
      tile_of_bytes<Kind, R>(a, groups, b + c, ahead, out + c, stride, row_scale,
                             column_scale + c, column_sum + c);
    else
      tile_of_floats<Kind, R>(a, groups, b + c, ahead, out + c, stride);
  }
}

#endif

using Tile = void (*)(const uint32_t*, int64_t, const uint32_t*, const char*, float*, int64_t,
                      const float*, const float*, const int32_t*);

template <int64_t Kind, int C, int... I>
Tile tile_of(int64_t rows, std::integer_sequence<int, I...>) {
  static const Tile tiles[] = {tile<Kind, I + 1, C>...};
  return tiles[rows - 1];
}

// For so many rows, and a panel of which so many columns are left.
template <int64_t Kind>
Tile tile_of(int64_t rows, int64_t columns) {
  constexpr std::make_integer_sequence<int, kRows<Kind>> kSequence{};
  if (columns <= kLanes) return tile_of<Kind, 1>(rows, kSequence);
  if (columns <= 2 * kLanes) return tile_of<Kind, 2>(rows, kSequence);
  return tile_of<Kind, 3>(rows, kSequence);
}

// (rows, inputs) in the products' format times the weights, to float32 (rows, padded outputs).
template <int64_t Kind>
void multiply(const Linear& linear, const uint32_t* a, const float* row_scale, int64_t rows,
              float* out) {
  const int64_t groups = groups_of(Kind, linear.inputs), words = words_of(Kind, linear.inputs);
  const int64_t stride = padded(linear.outputs), panels = stride / kPanel;
  const int64_t blocks = (rows + kRows<Kind> - 1) / kRows<Kind>;
  parallel_for(panels, [&](int64_t p) {
    const uint32_t* b = linear.panels + p * groups * kPanel;
    for (int64_t block = 0; block < blocks; block++) {
      // Blocks of nearly equal size: 10 rows are 5 and 5, not 9 and 1.
      const int64_t first = rows * block / blocks, last = rows * (block + 1) / blocks;
      const bool is_last = block == blocks - 1 && p + 1 < panels;
      const auto* next = reinterpret_cast<const char*>(is_last ? b + groups * kPanel : b);
      tile_of<Kind>(last - first, linear.outputs - p * kPanel)(
          a + first * words, groups, b, next, out + first * stride + p * kPanel, stride,
          row_scale + first, linear.column_scale + p * kPanel, linear.column_sum + p * kPanel);
    }
  });
}

void multiply(const Linear& linear, const uint32_t* a, const float* row_scale, int64_t rows,
              float* out) {
  if (linear.kind == kFloat32) return multiply<kFloat32>(linear, a, row_scale, rows, out);
  if (linear.kind == kBfloat16) return multiply<kBfloat16>(linear, a, row_scale, rows, out);
#if !HAS_AVX512
  if (linear.kind == kWide) return multiply<kWide>(linear, a, row_scale, rows, out);
#endif
  multiply<kInt8>(linear, a, row_scale, rows, out);
}

}  // namespace

extern "C" {

// 32-bit groups that `pack` writes for a matrix.
int64_t packed_size(int64_t kind, int64_t outputs, int64_t inputs) {
  return padded(outputs) * groups_of(kind, inputs);
}

// Float32 weights (outputs, inputs) to panels; the eight-bit kind also to scales and sums, of padded
// length.
void pack(int64_t kind, const float* weight, int64_t outputs, int64_t inputs, uint32_t* panels,
          float* column_scale, int32_t* column_sum) {
  const int64_t groups = groups_of(kind, inputs), size = kind == kFloat32 ? 1 : kind == kBfloat16 ? 2 : 4;
  parallel_for(padded(outputs), [&](int64_t n) {
    const float* row = weight + n * inputs;
    const bool is_real = n < outputs;
    float top = 0.0f;
    for (int64_t i = 0; is_real && i < inputs; i++) top = std::max(top, std::fabs(row[i]));
    const float inverse = top > 0.0f ? 127.0f / top : 0.0f;
    int32_t sum = 0;
    uint32_t* panel = panels + n / kPanel * groups * kPanel + n % kPanel;
    for (int64_t g = 0; g < groups; g++) {
      uint32_t bits = 0;
      for (int64_t j = 0; j < size; j++) {
        const int64_t i = g * size + j;
        const float value = is_real && i < inputs ? row[i] : 0.0f;
        if (kind == kFloat32) {
          std::memcpy(&bits, &value, 4);
        } else if (kind == kBfloat16) {
          bits |= static_cast<uint32_t>(to_bf16(value)) << (16 * j);
        } else {
          const int32_t q = static_cast<int32_t>(std::nearbyint(value * inverse));
          sum += q;
          bits |= static_cast<uint32_t>(q & 0xff) << (8 * j);
        }
      }
      panel[g * kPanel] = bits;
    }
    if (kind == kInt8 || kind == kWide) {
      column_scale[n] = top / 127.0f;
      column_sum[n] = 128 * sum;
    }
  });
}

}
