// Work shared out over XLA's own threads, and memory that a thread keeps for its next task.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <new>

#include "handler.h"

namespace netgrad {

// Runs task(i) for i = 0 .. tasks-1, on the calling thread and on idle threads of the pool; returns when all
// are done. Which thread runs which task varies from run to run, so a task must not depend on that: results
// that are summed belong in one place per task. A task that throws lets the others finish, then the call throws.
//
// The caller works too and waits only for tasks that somebody has begun, never for a helper that has not
// started: a pool whose threads are all inside such calls cannot deadlock.
inline void parallel_for(ffi::ThreadPool& pool, int64_t tasks, const std::function<void(int64_t)>& task) {
  const int64_t helpers = std::min<int64_t>(tasks, pool.num_threads()) - 1;
  if (helpers <= 0) {
    for (int64_t i = 0; i < tasks; ++i) task(i);
    return;
  }
  struct Shared {
    std::atomic<int64_t> next{0}, done{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::condition_variable finished;
  };
  auto shared = std::make_shared<Shared>();
  const auto* task_pointer = &task;  // used only for an i < tasks, and then the caller is still waiting
  auto work = [shared, tasks, task_pointer] {
    for (int64_t i; (i = shared->next.fetch_add(1)) < tasks;) {
      try {
        (*task_pointer)(i);
      } catch (...) {  // an exception must not leave a thread that belongs to XLA
        shared->failed = true;
      }
      if (shared->done.fetch_add(1) + 1 == tasks) {
        std::lock_guard<std::mutex> lock(shared->mutex);
        shared->finished.notify_one();
      }
    }
  };
  for (int64_t i = 0; i < helpers; ++i) pool.Schedule(decltype(work)(work));
  work();
  // Most waits are shorter than putting a thread to sleep and waking it.
  for (int spin = 0; spin < 4000 && shared->done.load() < tasks; ++spin) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->finished.wait(lock, [&] { return shared->done.load() == tasks; });
  if (shared->failed) throw std::bad_alloc();  // the only thing that a task can throw
}

// The same for tasks of so many multiply-adds together: few of them are done before another thread is awake.
inline void parallel_for(ffi::ThreadPool& pool, int64_t tasks, int64_t multiply_adds,
                         const std::function<void(int64_t)>& task) {
  constexpr int64_t kWorthWaking = 500'000;  // 4 microseconds of them
  if (multiply_adds >= kWorthWaking) return parallel_for(pool, tasks, task);
  for (int64_t i = 0; i < tasks; ++i) task(i);
}

// Floats at the start of a cache line, not initialised. Each thread keeps one such block per Slot and only
// ever enlarges it: asking the system for fresh pages in every call would cost more than the work.
template <int Slot>
float* scratch(size_t floats) {
  struct Block {
    float* data = nullptr;
    size_t size = 0;
    ~Block() { std::free(data); }
  };
  thread_local Block block;
  if (block.size < floats) {
    std::free(block.data);
    const size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
    block.data = static_cast<float*>(std::aligned_alloc(64, bytes));
    block.size = block.data ? floats : 0;
    if (!block.data) throw std::bad_alloc();
  }
  return block.data;
}

}  // namespace netgrad
