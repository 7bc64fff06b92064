#include "support/simulated_files.hpp"

#include <algorithm>
#include <set>

namespace leveret::test {

using Kind = Operation::Kind;

/// Shared by the Files object and the files that it has opened.
struct SimulatedFiles::State {
    explicit State(SimulatedDisk start) : disk(std::move(start)), first_disk(disk) {}

    SimulatedDisk disk;
    SimulatedDisk first_disk;
    std::vector<Operation> operations{};
    std::optional<Fault> fault{};
    std::optional<Operation> failed_call{};
    std::set<std::string> locked{};
    std::map<NodeId, std::uint64_t> failed_write_backs{};  ///< how many there were

    /// Counts the call towards the fault: the fault, when its turn has come.
    std::optional<Fault> due_fault(const Operation& operation) {
        if (!fault || operation.kind == Kind::close || (fault->kind && *fault->kind != operation.kind) ||
            operation.path.find(fault->path_part) == std::string::npos || --fault->call > 0) {
            return std::nullopt;
        }
        const Fault due = *std::exchange(fault, std::nullopt);
        if (due.then) {
            fault = Fault{.call = 1, .kind = operation.kind, .path_part = operation.path, .error = due.then};
        }
        return due;
    }

    /// Makes the call: records it and changes the disk, unless it fails.
    std::error_code call(Operation operation) {
        if (const auto due = due_fault(operation)) {
            operation.error = due->error;
            failed_call = operation;
        }
        return carry_out(std::move(operation));
    }

    std::error_code carry_out(Operation operation) {
        if (!operation.error) {
            operation.error = disk.check(operation);
        }
        disk.apply(operation);
        operations.push_back(std::move(operation));
        return operations.back().error;
    }
};

namespace {

class SimulatedFile final : public File {
  public:
    SimulatedFile(std::shared_ptr<SimulatedFiles::State> state, std::string path, NodeId node, bool is_writable)
        : state_(std::move(state)),
          path_(std::move(path)),
          node_(node),
          is_writable_(is_writable),
          seen_failed_write_backs_(state_->failed_write_backs[node]) {}

    ~SimulatedFile() override { static_cast<void>(state_->call(operation(Kind::close))); }

    SimulatedFile(const SimulatedFile&) = delete;
    SimulatedFile& operator=(const SimulatedFile&) = delete;

    Result<std::size_t> read_some(std::uint64_t at, std::span<std::byte> into) override {
        const auto& content = state_->disk.content(node_);
        const std::size_t left = at < content.size() ? content.size() - at : 0;
        Operation read = operation(Kind::read);
        read.at = at;
        read.bytes = std::min(left, into.size());
        shorten(read);
        const std::uint64_t count = read.bytes;
        if (const auto error = state_->carry_out(std::move(read))) {
            return tl::unexpected(error);
        }
        std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(std::min(at, content.size())), count, into.begin());
        return count;
    }

    Result<std::size_t> write_some(std::uint64_t at, std::span<const Bytes> runs) override {
        Operation write = operation(Kind::write);
        for (const Bytes run : runs) {
            write.data.insert(write.data.end(), run.begin(), run.end());
        }
        write.at = at;
        const std::uint64_t room = state_->disk.room_at(node_, at);
        write.bytes = room > 0 ? std::min<std::uint64_t>(write.data.size(), room) : write.data.size();
        shorten(write);
        if (!is_writable_) {
            write.error = std::make_error_code(std::errc::bad_file_descriptor);
        }
        if (runs.size() > 1024) {
            write.error = std::make_error_code(std::errc::invalid_argument);
        }
        const std::uint64_t count = write.bytes;
        write.data.resize(count);
        if (const auto error = state_->carry_out(std::move(write))) {
            return tl::unexpected(error);
        }
        return count;
    }

    std::error_code sync() override {
        // A descriptor is told of a failed write-back once, if it was open when that happened.
        const std::uint64_t failures = state_->failed_write_backs[node_];
        if (std::exchange(seen_failed_write_backs_, failures) != failures) {
            Operation sync = operation(Kind::sync);
            sync.error = std::make_error_code(std::errc::io_error);
            return state_->carry_out(std::move(sync));
        }
        return state_->call(operation(Kind::sync));
    }

    std::error_code truncate(std::uint64_t size) override {
        Operation truncate = operation(Kind::truncate);
        truncate.bytes = size;
        return changing_call(std::move(truncate));
    }

    std::error_code reserve(std::uint64_t at, std::uint64_t bytes) override {
        Operation reserve = operation(Kind::reserve);
        reserve.at = at;
        reserve.bytes = bytes;
        return changing_call(std::move(reserve));
    }

    Result<std::uint64_t> size() override {
        if (const auto error = state_->call(operation(Kind::size))) {
            return tl::unexpected(error);
        }
        return state_->disk.content(node_).size();
    }

  private:
    [[nodiscard]] Operation operation(Kind kind) const { return {.kind = kind, .path = path_, .node = node_}; }

    std::error_code changing_call(Operation operation) {
        if (!is_writable_) {
            operation.error = std::make_error_code(std::errc::bad_file_descriptor);
            return state_->carry_out(std::move(operation));
        }
        return state_->call(std::move(operation));
    }

    /// For reads and writes, which may do a part of their work: the fault that is due, if one is.
    void shorten(Operation& operation) {
        const auto due = state_->due_fault(operation);
        if (!due) {
            return;
        }
        operation.error = due->error;
        if (!due->error && operation.bytes > 1) {
            operation.bytes /= 2;
        }
        state_->failed_call = operation;
    }

    std::shared_ptr<SimulatedFiles::State> state_;
    std::string path_;
    NodeId node_;
    bool is_writable_;
    std::uint64_t seen_failed_write_backs_;
};

class SimulatedLock final : public Files::Lock {
  public:
    SimulatedLock(std::shared_ptr<SimulatedFiles::State> state, std::string path)
        : state_(std::move(state)), path_(std::move(path)) {}
    ~SimulatedLock() override { state_->locked.erase(path_); }
    SimulatedLock(const SimulatedLock&) = delete;
    SimulatedLock& operator=(const SimulatedLock&) = delete;

  private:
    std::shared_ptr<SimulatedFiles::State> state_;
    std::string path_;
};

}  // namespace

SimulatedFiles::SimulatedFiles(SimulatedDisk disk) : state_(std::make_shared<State>(std::move(disk))) {}

Result<std::unique_ptr<File>> SimulatedFiles::open(const std::string& path, Open how) {
    if (const auto error = state_->call({.kind = Kind::open, .path = path, .how = how})) {
        return tl::unexpected(error);
    }
    return std::make_unique<SimulatedFile>(state_, path, *state_->disk.find(path), how != Open::read);
}

std::error_code SimulatedFiles::rename(const std::string& from, const std::string& to) {
    return state_->call({.kind = Kind::rename, .path = from, .to = to});
}

std::error_code SimulatedFiles::remove(const std::string& path) {
    return state_->call({.kind = Kind::remove, .path = path});
}

std::error_code SimulatedFiles::make_directory(const std::string& path) {
    return state_->call({.kind = Kind::make_directory, .path = path});
}

std::error_code SimulatedFiles::sync_directory(const std::string& path) {
    return state_->call({.kind = Kind::sync_directory, .path = path});
}

Result<std::vector<Files::Entry>> SimulatedFiles::list(const std::string& path) {
    if (const auto error = state_->call({.kind = Kind::list, .path = path})) {
        return tl::unexpected(error);
    }
    return state_->disk.entries(*state_->disk.find(path));
}

Result<std::unique_ptr<Files::Lock>> SimulatedFiles::lock(const std::string& path) {
    if (!state_->disk.find(path)) {
        if (const auto file = open(path, Open::create); !file) {
            return tl::unexpected(file.error());
        }
    }
    if (!state_->locked.insert(path).second) {
        return tl::unexpected(std::make_error_code(std::errc::resource_unavailable_try_again));
    }
    return std::make_unique<SimulatedLock>(state_, path);
}

Result<std::uint64_t> SimulatedFiles::free_bytes() {
    if (const auto error = state_->call({.kind = Kind::free_bytes})) {
        return tl::unexpected(error);
    }
    return state_->disk.free_bytes();
}

SimulatedDisk& SimulatedFiles::disk() noexcept {
    return state_->disk;
}

const SimulatedDisk& SimulatedFiles::first_disk() const noexcept {
    return state_->first_disk;
}

const std::vector<Operation>& SimulatedFiles::operations() const noexcept {
    return state_->operations;
}

void SimulatedFiles::fail(Fault fault) {
    state_->fault = std::move(fault);
    state_->failed_call.reset();
}

const std::optional<Operation>& SimulatedFiles::failed_call() const noexcept {
    return state_->failed_call;
}

void SimulatedFiles::fail_write_back(const std::string& path) {
    const NodeId node = state_->disk.find(path).value();
    state_->disk.lose_unsynced_writes(node);
    ++state_->failed_write_backs[node];
}

}  // namespace leveret::test
