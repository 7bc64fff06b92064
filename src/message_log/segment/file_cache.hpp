// A bounded number of open descriptors for any number of files.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "message_log/files.hpp"

namespace leveret {

class FileCache;

/// A file that may be open at the moment or not; goes before its cache.
class CachedFile {
  public:
    ~CachedFile();
    CachedFile(const CachedFile&) = delete;
    CachedFile& operator=(const CachedFile&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] const std::function<void()>& want_back() const noexcept { return want_back_; }

  private:
    friend class FileCache;
    friend class FileUse;
    /// `closed` ones are in no list.
    enum class State : std::uint8_t { clean, unsynced, asked, closed };
    CachedFile(FileCache& cache, std::string path, Files::Open how, std::function<void()> want_back)
        : cache_(cache), path_(std::move(path)), how_(how), want_back_(std::move(want_back)) {}

    FileCache& cache_;
    const std::string path_;
    const Files::Open how_;
    const std::function<void()> want_back_;
    // Guarded by the cache's mutex.
    State state_ = State::closed;
    std::size_t users_ = 0;
    std::unique_ptr<File> file_;
    std::list<CachedFile*>::iterator listed_;
};

/// Keeps a file open for as long as it lives.
class FileUse {
  public:
    FileUse(FileUse&& other) noexcept = default;
    FileUse& operator=(FileUse&&) = delete;
    FileUse(const FileUse&) = delete;
    FileUse& operator=(const FileUse&) = delete;
    ~FileUse();

    [[nodiscard]] File& operator*() const noexcept { return *used_->file_; }
    [[nodiscard]] File* operator->() const noexcept { return used_->file_.get(); }
    /// From now on, until set_synced(), the descriptor stays open: another one could not tell whether these bytes have
    /// reached the disk.
    void set_unsynced();
    void set_synced();

  private:
    friend class FileCache;
    explicit FileUse(std::shared_ptr<CachedFile> used) noexcept : used_(std::move(used)) {}
    std::shared_ptr<CachedFile> used_;
};

/// Closes the least recently used file where more than `open_max` are open. One with unsynced writes is not closed:
/// its owner is asked to sync it, and until that is done there may be more. Thread-safe; calls the system, and owners,
/// without its lock.
class FileCache {
  public:
    FileCache(Files& files, std::size_t open_max) noexcept : files_(files), open_max_(open_max) {}

    /// For one owner. `want_back` is called where the descriptor is wanted and has unsynced writes; it must only take
    /// note. `opened` is this file where it is open already.
    [[nodiscard]] std::shared_ptr<CachedFile> add(std::string path, Files::Open how,
                                                  std::function<void()> want_back = {},
                                                  std::unique_ptr<File> opened = {});
    /// Where the process may open no more files, others of this cache are closed for it, one after another.
    [[nodiscard]] Result<FileUse> use(const std::shared_ptr<CachedFile>& file);
    /// Any existing file, for reading.
    [[nodiscard]] Result<FileUse> use_path(const std::string& path);
    /// Closes what use_path() has opened at `path`, or below it.
    void forget(const std::string& path);

    [[nodiscard]] std::size_t open_files() const;

  private:
    friend class CachedFile;
    friend class FileUse;
    using State = CachedFile::State;
    /// What is to be done once the lock is released.
    struct Later {
        std::vector<std::unique_ptr<File>> closing;
        std::vector<std::shared_ptr<CachedFile>> forgotten;
        std::vector<std::function<void()>> asking;
        void run() const;
    };

    void set_state(CachedFile& file, State state);
    void make_space(Later& later);
    void close(CachedFile& file, Later& later);
    void ask_back(CachedFile& file, Later& later);
    [[nodiscard]] bool close_unused();
    void end_use(CachedFile& file);
    void change(CachedFile& file, State state);
    [[nodiscard]] std::list<CachedFile*>& list_of(State state) { return lists_[static_cast<std::size_t>(state)]; }

    Files& files_;
    const std::size_t open_max_;
    mutable std::mutex mutex_;
    std::array<std::list<CachedFile*>, 3> lists_;  ///< by state, the least recently used in front
    std::unordered_map<std::string, std::shared_ptr<CachedFile>> by_path_;
};

}  // namespace leveret
