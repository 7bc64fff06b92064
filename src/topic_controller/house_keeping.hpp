// Private to TopicController: how it removes records.
#pragma once

#include <mutex>

#include "topic_controller/topic_controller.hpp"

namespace leveret {

/// One hold of the topic's mutex by something that removes records: afterwards, without the mutex, their blocks are let
/// go of and what was lost is counted.
class TopicController::HouseKeeping {
  public:
    explicit HouseKeeping(TopicController& topic) : topic_(topic), lock_(topic.mutex_) {}
    HouseKeeping(const HouseKeeping&) = delete;
    HouseKeeping& operator=(const HouseKeeping&) = delete;
    ~HouseKeeping() {
        topic_.update_charged_bytes();
        topic_.totals_.evicted += losses.evicted;
        topic_.totals_.expired += losses.expired;
        lock_.unlock();
        topic_.count_losses(losses);
    }
    Losses losses;

  private:
    TopicController& topic_;
    std::unique_lock<std::mutex> lock_;
};

}  // namespace leveret
