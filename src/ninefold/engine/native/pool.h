// Loops over several threads, in which nobody waits for a thread that has not come.
//
// OpenMP's loops end when every thread has arrived; where other programs use the machine, each of
// the hundred loops of a step then waits for one that the system has put aside. Here the caller
// takes pieces as well, and waits only for pieces that somebody has begun. Every thread starts with
// a stretch of its own, so that it reads on in memory where it has read, and then helps the others.

#pragma once

#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace {

class Pool {
 public:
  using Task = void (*)(const void* context, int64_t piece);

  // Runs task(context, 0 … pieces - 1) on up to `threads` threads, the caller's among them.
  void run(int threads, int64_t pieces, Task task, const void* context) {
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (threads < 2 || pieces < 2 || !turn.owns_lock()) {
      for (int64_t piece = 0; piece < pieces; piece++) task(context, piece);
      return;
    }
    threads = std::min(threads, kMostStretches);
    while (num_workers_ < threads - 1) std::thread(&Pool::work, this, num_workers_++).detach();
    // Closed first: whoever still looks at the last loop must not take its pieces for this one's.
    const uint64_t generation = (generation_.load() + 1) & kClosed;
    for (int i = 0; i <= num_workers_; i++) stretches_[i].state.store(generation << 32 | kClosed);
    task_.store(task);
    context_.store(context);
    helpers_.store(threads - 1);
    done_.store(0);
    for (int i = 0; i < threads; i++) {
      stretches_[i].end.store(pieces * (i + 1) / threads);
      stretches_[i].state.store(generation << 32 | static_cast<uint64_t>(pieces * i / threads));
    }
    generation_.store(generation);
    if (sleepers_.load() > 0) {
      std::lock_guard<std::mutex> lock(sleep_);
      wake_.notify_all();
    }
    take(generation, threads - 1, threads);
    for (int spins = 0; done_.load() < pieces; spins++) pause(spins);
  }

 private:
  static constexpr uint64_t kClosed = 0xffffffff;
  static constexpr int kMostStretches = 64;
  static constexpr int kSpins = 4000;  // about a tenth of a millisecond

  static void pause(int spins) {
    if (spins > kSpins) sched_yield();
    else _mm_pause();
  }

  // Pieces of one loop that lie together.
  struct alignas(64) Stretch {
    std::atomic<uint64_t> state{kClosed};  // number of the loop, and the next piece
    std::atomic<int64_t> end{0};
  };

  // Takes pieces of one loop until none is left, of the thread's own stretch first.
  void take(uint64_t generation, int own, int threads) {
    for (int i = 0; i < threads; i++) take(generation, stretches_[(own + i) % threads]);
  }

  void take(uint64_t generation, Stretch& stretch) {
    for (;;) {
      uint64_t state = stretch.state.load();
      const uint64_t piece = state & kClosed;
      if (state >> 32 != generation || piece >= static_cast<uint64_t>(stretch.end.load())) return;
      const Task task = task_.load();
      const void* context = context_.load();
      // If nothing has changed since, what was read is of this loop.
      if (!stretch.state.compare_exchange_weak(state, state + 1)) continue;
      task(context, static_cast<int64_t>(piece));
      done_.fetch_add(1);
    }
  }

  bool is_open(uint64_t seen) const { return generation_.load() != seen; }

  void work(int number) {
    uint64_t seen = 0;
    for (;;) {
      for (int spins = 0; spins < kSpins && !is_open(seen); spins++) _mm_pause();
      if (!is_open(seen)) {
        std::unique_lock<std::mutex> lock(sleep_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return is_open(seen); });
        sleepers_.fetch_sub(1);
      }
      seen = generation_.load();
      const int helpers = helpers_.load();
      if (number < helpers) take(seen, number, helpers + 1);
    }
  }

  std::mutex turn_, sleep_;
  std::condition_variable wake_;
  std::atomic<uint64_t> generation_{0};  // number of the last loop that was opened
  Stretch stretches_[kMostStretches];
  std::atomic<Task> task_{nullptr};
  std::atomic<const void*> context_{nullptr};
  std::atomic<int64_t> done_{0};
  std::atomic<int> helpers_{0}, sleepers_{0};
  int num_workers_ = 0;
};

// Never destroyed: its threads run until the process ends.
Pool& pool() {
  static Pool* const pool = new Pool;
  return *pool;
}

// Of loops of the calling thread.
thread_local int num_threads = 1;

// act(0), …, act(count - 1), in pieces of neighbours, on `num_threads` threads.
template <typename Act>
void parallel_for(int64_t count, const Act& act) {
  const int threads = num_threads;
  struct Loop {
    const Act& act;
    int64_t count, pieces;
  };
  const Loop loop{act, count, threads < 2 ? 1 : std::min<int64_t>(count, 6 * threads)};
  pool().run(threads, loop.pieces, [](const void* context, int64_t piece) {
    const Loop& loop = *static_cast<const Loop*>(context);
    const int64_t last = loop.count * (piece + 1) / loop.pieces;
    for (int64_t i = loop.count * piece / loop.pieces; i < last; i++) loop.act(i);
  }, &loop);
}

}  // namespace

extern "C" {

// Run what the calling thread asks for from now on on so many threads.
void use_threads(int64_t number) { num_threads = static_cast<int>(number); }
}
