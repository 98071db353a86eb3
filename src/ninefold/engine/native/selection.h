// Guidance and the likeliest codes, with the results of `generation.sampling`: the same float32
// operations in the same order, ties to the lowest code.

#pragma once

#include <vector>

#include "pool.h"
#include "vector.h"

namespace {

constexpr int64_t kSpan = 16;  // registers that share a register of maxima

// Writes guided logits, then -∞ up to a whole register; false if one is not finite.
bool guide(const float* conditional, const float* unconditional, float scale, int64_t size,
           float* guided) {
  Floats sum = all(0.0f);
  for (int64_t i = 0; i < size; i += kLanes) {
    Floats v = load(conditional + i, size - i);
    if (unconditional) {
      const Floats u = load(unconditional + i, size - i);
      v = add(u, multiply(all(scale), subtract(v, u)));
    }
    sum = add(sum, subtract(v, v));  // no number, once one of them is infinite or no number
    store(guided + i, first(v, size - i, all(-INFINITY)));
  }
  return sum_of(sum) == 0.0f;
}

// A number that at least `count` of the guided logits reach, and not many more.
float reached_by(const float* guided, int64_t size, int64_t count, std::vector<float>& maxima) {
  const int64_t registers = (size + kLanes - 1) / kLanes;
  const int64_t span = std::max<int64_t>(1, std::min(kSpan, registers * kLanes / (4 * count)));
  maxima.clear();
  for (int64_t start = 0; start < registers; start += span) {
    Floats most = all(-INFINITY);
    for (int64_t i = start; i < std::min(start + span, registers); i++)
      most = larger(most, load(guided + i * kLanes));
    maxima.resize(maxima.size() + kLanes);
    store(maxima.data() + maxima.size() - kLanes, most);
  }
  std::nth_element(maxima.begin(), maxima.begin() + count - 1, maxima.end(), std::greater<>());
  return maxima[count - 1];
}

void keep_likeliest(const float* guided, int64_t size, int64_t count, int64_t* codes, float* kept) {
  std::vector<float> values;
  std::vector<int64_t> indices;
  const Floats limit = all(reached_by(guided, size, count, values));
  values.clear();
  for (int64_t i = 0; i < size; i += kLanes)
    for (uint32_t bits = at_least(load(guided + i), limit); bits; bits &= bits - 1) {
      const int64_t index = i + __builtin_ctz(bits);
      if (index >= size) break;
      indices.push_back(index);
      values.push_back(guided[index]);
    }
  std::nth_element(values.begin(), values.begin() + count - 1, values.end(), std::greater<>());
  const float last = values[count - 1];
  int64_t places = count;  // left for those that tie for the last place
  for (const int64_t index : indices) places -= guided[index] > last;
  for (const int64_t index : indices) {
    if (guided[index] < last || (guided[index] == last && places-- <= 0)) continue;
    *codes++ = index;
    *kept++ = guided[index];
  }
}

}  // namespace

extern "C" {

// For each picture the `count` likeliest codes, ascending, and their guided logits. `rows` are those
// of its logits, the unconditional ones following if it is guided. `guided` is scratch of `stride`
// numbers a picture. A picture with a logit that is not finite keeps what was there.
void select_codes(const float* logits, int64_t stride, int64_t pictures, const int64_t* rows,
                  int64_t is_guided, float scale, int64_t size, int64_t count, float* guided,
                  int64_t* codes, float* kept, uint8_t* is_finite) {
  parallel_for(pictures, [&](int64_t picture) {
    const float* own = logits + rows[picture] * stride;
    float* scratch = guided + picture * stride;
    is_finite[picture] = guide(own, is_guided ? own + stride : nullptr, scale, size, scratch);
    if (is_finite[picture])
      keep_likeliest(scratch, size, count, codes + picture * count, kept + picture * count);
  });
}
}
