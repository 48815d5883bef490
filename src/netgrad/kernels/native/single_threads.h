// Threads that wait to help a call of single.cpp: it has none of XLA's.
#pragma once

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace netgrad::single {

class Helpers {
 public:
  // task(i, worker) for i = 0 .. tasks-1, by the caller, worker 0, and up to `helpers` threads besides; returns when all
  // are done. The caller works too and waits only for tasks that somebody has begun: helpers that are slow to wake, or
  // not there, as in a forked process, cost nothing but time. While another caller is helped, one works alone.
  static void run(int64_t tasks, int helpers, const std::function<void(int64_t, int)>& task) {
    static Helpers* all = new Helpers;  // never destroyed: its threads wait until the process ends
    std::unique_lock<std::mutex> turn(all->turn_, std::try_to_lock);
    if (tasks < 2 || helpers < 1 || !turn.owns_lock() || getpid() != all->process_ || !all->grown(helpers)) {
      for (int64_t i = 0; i < tasks; ++i) task(i, 0);
      return;
    }
    auto job = std::make_shared<Job>();
    job->tasks = tasks;
    job->helpers = helpers;
    job->task = &task;
    {
      std::lock_guard<std::mutex> lock(all->mutex_);
      all->job_ = job;
    }
    all->called_.notify_all();
    job->work(0);
    for (int spin = 0; job->done.load(std::memory_order_acquire) < tasks; ++spin)
      if (spin > 4000) std::this_thread::yield();
  }

 private:
  struct Job {
    std::atomic<int64_t> next{0}, done{0};
    std::atomic<int> workers{0};
    int64_t tasks = 0;
    int helpers = 0;
    const std::function<void(int64_t, int)>* task = nullptr;  // read only for a task that the caller still waits for
    void work(int worker) {
      for (int64_t i; (i = next.fetch_add(1)) < tasks;) {
        (*task)(i, worker);
        done.fetch_add(1, std::memory_order_release);
      }
    }
  };

  bool grown(int helpers) {
    try {
      for (; threads_ < helpers; ++threads_) std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {
    }
    return threads_ > 0;
  }

  void serve() {
    std::shared_ptr<Job> last;
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        called_.wait(lock, [&] { return job_ != last; });
        last = job_;
      }
      const int worker = last->workers.fetch_add(1) + 1;
      if (worker <= last->helpers) last->work(worker);
    }
  }

  std::mutex turn_, mutex_;
  std::condition_variable called_;
  std::shared_ptr<Job> job_;
  int threads_ = 0;
  const pid_t process_ = getpid();
};

}  // namespace netgrad::single
