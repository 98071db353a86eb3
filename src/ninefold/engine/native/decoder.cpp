// One step of DalleBart's decoder for rows at different positions, with AVX-512 or AVX2.
//
// A row's logits do not depend on which other rows there are, nor on where it stands among them.
//
// It knows nothing of where weights come from, of guidance, of sampling or of requests. Everything
// is given by plain structures, which `structures.py` mirrors. Between operations all is float32.

#include "byte_attention.h"
#include "image.h"
#include "selection.h"
#include "winograd.h"

namespace {

struct Layer {
  Norm self_pre, self_post, cross_pre, cross_post, ffn_pre, ffn_mid;
  Linear qkv, self_out, cross_query, cross_out, gate_up, down;
  void *keys, *values;              // of the rows' own positions
  void *text_keys, *text_values;    // of the texts
};

struct Decoder {
  int64_t cache_kind, layers, width, heads, inner, length, text_length, activation;
  float embed_scale;
  const float *embed_tokens, *embed_positions;  // positions may be null
  Norm embed_norm, final_norm;
  int64_t has_final_norm;
  const Layer* layer;
  Linear head;
  const int64_t* text_lengths;
  // Scratch for the largest number of rows.
  float *x, *wide, *attended, *row_scale;
  uint32_t* inputs;
};

struct Step {
  const Decoder& decoder;
  int64_t rows;
  const int64_t *places, *tokens, *positions, *texts;

  // Round a float32 row to the inputs of the product that comes next.
  void feed(int64_t row, const float* from, const Linear& next) const {
    convert(next.kind, from, next.inputs, decoder.inputs + row * words_of(next.kind, next.inputs),
            decoder.row_scale + row);
  }

  void multiply_rows(const Linear& linear) const {
    multiply(linear, decoder.inputs, decoder.row_scale, rows, decoder.wide);
  }

  void embed() const {
    const int64_t width = decoder.width;
    parallel_for(rows, [&](int64_t r) {
      float* x = decoder.x + r * width;
      const float* token = decoder.embed_tokens + tokens[r] * width;
      for (int64_t i = 0; i < width; i++) x[i] = token[i] * decoder.embed_scale;
      if (decoder.embed_positions)
        for (int64_t i = 0; i < width; i++)
          x[i] += decoder.embed_positions[positions[r] * width + i];
      normalise(x, x, width, decoder.embed_norm);
    });
  }

  // x += post(product), then the inputs of the next product: pre(x).
  void add_and_feed(const Norm* post, int64_t stride, const Norm* pre, const Linear& next) const {
    const int64_t width = decoder.width;
    parallel_for(rows, [&](int64_t r) {
      float* x = decoder.x + r * width;
      float* product = decoder.wide + r * stride;
      float* normed = decoder.attended + r * width;
      if (stride) {
        if (post) normalise(product, product, width, *post);
        for (int64_t i = 0; i < width; i++) x[i] += product[i];
      }
      if (pre) normalise(x, normed, width, *pre);
      feed(r, pre ? normed : x, next);
    });
  }

  // act(row, first head, last head) in parallel, rows whole where there are enough of them: what a
  // row reads of its cache then lies together.
  template <typename Act>
  void each_head(const Act& act) const {
    const int64_t heads = decoder.heads, wanted = 4 * num_threads;
    const int64_t parts = std::min(heads, (wanted + rows - 1) / rows);
    parallel_for(rows * parts, [&](int64_t task) {
      const int64_t part = task % parts;
      act(task / parts, heads * part / parts, heads * (part + 1) / parts);
    });
  }

  template <int64_t Kind>
  void attend_self(const Layer& layer) const {
    const int64_t width = decoder.width, heads = decoder.heads, size = width / heads;
    const int64_t stride = padded(3 * width);
    each_head([&](int64_t r, int64_t begin, int64_t end) {
      const float* qkv = decoder.wide + r * stride;
      const Cached own =
          cached<Kind>(layer.keys, layer.values, places[r], decoder.length, heads, size);
      for (int64_t h = begin; h < end; h++)
        write_key_value<Kind>(own, h, positions[r], qkv + width + h * size,
                              qkv + 2 * width + h * size);
      attend<Kind>(qkv, own, positions[r] + 1, begin, end, decoder.attended + r * width);
    });
    feed_attended(layer.self_out);
  }

  template <int64_t Kind>
  void attend_text(const Layer& layer) const {
    const int64_t width = decoder.width, heads = decoder.heads;
    const int64_t stride = padded(width);
    each_head([&](int64_t r, int64_t begin, int64_t end) {
      const Cached text = cached<Kind>(layer.text_keys, layer.text_values, texts[r],
                                       decoder.text_length, heads, width / heads);
      attend<Kind>(decoder.wide + r * stride, text, decoder.text_lengths[texts[r]], begin, end,
                   decoder.attended + r * width);
    });
    feed_attended(layer.cross_out);
  }

  void feed_attended(const Linear& next) const {
    parallel_for(rows, [&](int64_t r) {
      feed(r, decoder.attended + r * decoder.width, next);
    });
  }

  void gate(const Norm& norm, const Linear& next) const {
    const int64_t inner = decoder.inner, stride = padded(2 * inner);
    parallel_for(rows, [&](int64_t r) {
      float* h = decoder.wide + r * stride;
      for (int64_t i = 0; i < inner; i += kLanes) {
        const Floats gated = activate(decoder.activation, load(h + i, inner - i));
        store(h + i, multiply(gated, load(h + inner + i, inner - i)), inner - i);
      }
      normalise(h, h, inner, norm);
      feed(r, h, next);
    });
  }

  template <int64_t Cache>
  void run(float* logits) const {
    const int64_t narrow = padded(decoder.width);
    embed();
    for (int64_t index = 0; index < decoder.layers; index++) {
      const Layer& layer = decoder.layer[index];
      add_and_feed(nullptr, index ? narrow : 0, &layer.self_pre, layer.qkv);
      multiply_rows(layer.qkv);
      attend_self<Cache>(layer);
      multiply_rows(layer.self_out);
      add_and_feed(&layer.self_post, narrow, &layer.cross_pre, layer.cross_query);
      multiply_rows(layer.cross_query);
      attend_text<Cache == kFloat32 ? kFloat32 : kBfloat16>(layer);
      multiply_rows(layer.cross_out);
      add_and_feed(&layer.cross_post, narrow, &layer.ffn_pre, layer.gate_up);
      multiply_rows(layer.gate_up);
      gate(layer.ffn_mid, layer.down);
      multiply_rows(layer.down);
    }
    add_and_feed(nullptr, narrow, decoder.has_final_norm ? &decoder.final_norm : nullptr,
                 decoder.head);
    multiply(decoder.head, decoder.inputs, decoder.row_scale, rows, logits);
  }
};

}  // namespace

extern "C" {

// Logits (rows, padded codes) of the codes after `tokens`.
void step(const Decoder* decoder, int64_t rows, const int64_t* places, const int64_t* tokens,
          const int64_t* positions, const int64_t* texts, float* logits) {
  const Step step{*decoder, rows, places, tokens, positions, texts};
  if (decoder->cache_kind == kInt8) return step.run<kInt8>(logits);
  if (decoder->cache_kind == kBfloat16) return step.run<kBfloat16>(logits);
  step.run<kFloat32>(logits);
}

// A product alone, for tests and measurements: float32 (rows, inputs) to (rows, padded outputs).
void multiply_alone(const Linear* linear, const float* from, int64_t rows, uint32_t* inputs,
                    float* row_scale, float* out) {
  for (int64_t r = 0; r < rows; r++)
    convert(linear->kind, from + r * linear->inputs, linear->inputs,
            inputs + r * words_of(linear->kind, linear->inputs), row_scale + r);
  multiply(*linear, inputs, row_scale, rows, out);
}
}
