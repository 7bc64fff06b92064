#include "message_log/segment/file_cache.hpp"

#include <algorithm>

#include "message_log/uninterrupted.hpp"

namespace leveret {

CachedFile::~CachedFile() {
    const std::lock_guard lock(cache_.mutex_);
    cache_.set_state(*this, State::closed);
}

FileUse::~FileUse() {
    if (used_) {
        used_->cache_.end_use(*used_);
    }
}

void FileUse::set_unsynced() {
    used_->cache_.change(*used_, CachedFile::State::unsynced);
}

void FileUse::set_synced() {
    used_->cache_.change(*used_, CachedFile::State::clean);
}

void FileCache::Later::run() const {
    for (const auto& ask : asking) {
        ask();
    }
}

std::shared_ptr<CachedFile> FileCache::add(std::string path, Files::Open how, std::function<void()> want_back,
                                           std::unique_ptr<File> opened) {
    std::shared_ptr<CachedFile> file(new CachedFile(*this, std::move(path), how, std::move(want_back)));
    if (opened) {
        Later later;
        {
            const std::lock_guard lock(mutex_);
            file->file_ = std::move(opened);
            set_state(*file, State::clean);
            make_space(later);
        }
        later.run();
    }
    return file;
}

Result<FileUse> FileCache::use(const std::shared_ptr<CachedFile>& file) {
    {
        const std::lock_guard lock(mutex_);
        ++file->users_;
        if (file->file_) {
            set_state(*file, file->state_);
            return FileUse(file);
        }
    }
    FileUse used(file);
    auto opened = uninterrupted([&] { return files_.open(file->path_, file->how_); });
    while (!opened && is_want_of_files(opened.error()) && close_unused()) {
        opened = uninterrupted([&] { return files_.open(file->path_, file->how_); });
    }
    if (!opened) {
        return tl::unexpected(opened.error());
    }
    Later later;
    {
        const std::lock_guard lock(mutex_);
        if (!file->file_) {  // else somebody else was faster
            file->file_ = std::move(*opened);
            set_state(*file, State::clean);
        }
        make_space(later);
    }
    later.run();
    return used;
}

Result<FileUse> FileCache::use_path(const std::string& path) {
    std::shared_ptr<CachedFile> file;
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = by_path_.find(path); found != by_path_.end()) {
            file = found->second;
        }
    }
    if (file) {
        return use(file);
    }
    file = add(path, Files::Open::read);
    auto used = use(file);
    if (used) {
        const std::lock_guard lock(mutex_);
        by_path_.try_emplace(path, file);
    }
    return used;
}

void FileCache::forget(const std::string& path) {
    Later later;
    const std::lock_guard lock(mutex_);
    for (auto file = by_path_.begin(); file != by_path_.end();) {
        const bool is_it =
            file->first.starts_with(path) && (file->first.size() == path.size() || file->first[path.size()] == '/');
        if (is_it) {
            later.forgotten.push_back(std::move(file->second));
        }
        file = is_it ? by_path_.erase(file) : std::next(file);
    }
}

std::size_t FileCache::open_files() const {
    const std::lock_guard lock(mutex_);
    return lists_[0].size() + lists_[1].size() + lists_[2].size();
}

/// Under the lock. Also makes it the most recently used of its state.
void FileCache::set_state(CachedFile& file, State state) {
    if (file.state_ != State::closed && state != State::closed) {
        list_of(state).splice(list_of(state).end(), list_of(file.state_), file.listed_);
    } else if (file.state_ != State::closed) {
        list_of(file.state_).erase(file.listed_);
    } else if (state != State::closed) {
        file.listed_ = list_of(state).insert(list_of(state).end(), &file);
    }
    file.state_ = state;
}

/// Under the lock.
void FileCache::make_space(Later& later) {
    std::list<CachedFile*>& clean = list_of(State::clean);
    std::list<CachedFile*>& unsynced = list_of(State::unsynced);
    for (auto candidate = clean.begin(); candidate != clean.end() && clean.size() + unsynced.size() > open_max_;) {
        CachedFile& file = **candidate;
        ++candidate;
        if (file.users_ == 0) {
            close(file, later);
        }
    }
    while (!unsynced.empty() && clean.size() + unsynced.size() > open_max_) {
        ask_back(*unsynced.front(), later);
    }
}

/// Under the lock. Of a clean file that nobody uses.
void FileCache::close(CachedFile& file, Later& later) {
    later.closing.push_back(std::move(file.file_));
    set_state(file, State::closed);
    if (const auto found = by_path_.find(file.path_); found != by_path_.end() && found->second.get() == &file) {
        later.forgotten.push_back(std::move(found->second));
        by_path_.erase(found);
    }
}

/// Under the lock. Of a file with unsynced writes.
void FileCache::ask_back(CachedFile& file, Later& later) {
    later.asking.push_back(file.want_back_);
    set_state(file, State::asked);
}

/// Closes one file, whatever the bound. Where all are in use, or have unsynced writes, one of these is asked for, and
/// the answer is false.
bool FileCache::close_unused() {
    Later later;
    bool closes = false;
    {
        const std::lock_guard lock(mutex_);
        std::list<CachedFile*>& clean = list_of(State::clean);
        const auto unused =
            std::find_if(clean.begin(), clean.end(), [](const CachedFile* file) { return file->users_ == 0; });
        closes = unused != clean.end();
        if (closes) {
            close(**unused, later);
        } else if (!list_of(State::unsynced).empty()) {
            ask_back(*list_of(State::unsynced).front(), later);
        }
    }
    later.run();
    return closes;
}

void FileCache::end_use(CachedFile& file) {
    Later later;
    {
        const std::lock_guard lock(mutex_);
        --file.users_;
        make_space(later);
    }
    later.run();
}

void FileCache::change(CachedFile& file, State state) {
    const std::lock_guard lock(mutex_);
    const bool stays_asked = file.state_ == State::asked && state == State::unsynced;
    set_state(file, stays_asked ? State::asked : state);
}

}  // namespace leveret
