#include <algorithm>
#include <array>
#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "message_log/files.hpp"

namespace leveret {
namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t directory_mode = 0750;
constexpr std::size_t runs_max = 1024;  // IOV_MAX

std::error_code last_error() noexcept {
    return {errno, std::generic_category()};
}
tl::unexpected<std::error_code> failure() noexcept {
    return tl::unexpected<std::error_code>(last_error());
}
std::error_code outcome(int result) noexcept {
    return result == 0 ? std::error_code() : last_error();
}

/// Closed as it goes.
class Descriptor {
  public:
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

  private:
    int number_;
};

class PosixFile final : public File {
  public:
    explicit PosixFile(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}

    Result<std::size_t> read_some(std::uint64_t at, std::span<std::byte> into) override {
        const ssize_t got = ::pread(number(), into.data(), into.size(), static_cast<off_t>(at));
        return got < 0 ? Result<std::size_t>(failure()) : static_cast<std::size_t>(got);
    }
    Result<std::size_t> write_some(std::uint64_t at, std::span<const Bytes> runs) override {
        if (runs.size() == 1) {
            return written(::pwrite(number(), runs[0].data(), runs[0].size(), static_cast<off_t>(at)));
        }
        std::array<iovec, runs_max> vectors;
        const std::size_t count = std::min(runs.size(), runs_max);
        for (std::size_t i = 0; i < count; ++i) {
            vectors[i] = {const_cast<std::byte*>(runs[i].data()), runs[i].size()};
        }
        return written(::pwritev(number(), vectors.data(), static_cast<int>(count), static_cast<off_t>(at)));
    }
    std::error_code sync() override { return outcome(::fdatasync(number())); }
    std::error_code truncate(std::uint64_t size) override {
        return outcome(::ftruncate(number(), static_cast<off_t>(size)));
    }
    std::error_code reserve(std::uint64_t at, std::uint64_t bytes) override {
        const int result =
            ::fallocate(number(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at), static_cast<off_t>(bytes));
        return outcome(result);
    }
    Result<std::uint64_t> size() override {
        struct stat status {};
        if (::fstat(number(), &status) != 0) {
            return failure();
        }
        return static_cast<std::uint64_t>(status.st_size);
    }

  private:
    [[nodiscard]] int number() const noexcept { return descriptor_.number(); }
    static Result<std::size_t> written(ssize_t result) noexcept {
        return result < 0 ? Result<std::size_t>(failure()) : static_cast<std::size_t>(result);
    }

    Descriptor descriptor_;
};

/// flock() ends with the descriptor.
class PosixLock final : public Files::Lock {
  public:
    explicit PosixLock(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}

  private:
    Descriptor descriptor_;
};

int open_flags(Files::Open how) noexcept {
    switch (how) {
        case Files::Open::read:
            return O_RDONLY;
        case Files::Open::write:
            return O_RDWR;
        case Files::Open::create:
            return O_RDWR | O_CREAT | O_EXCL;
        case Files::Open::overwrite:
            break;
    }
    return O_RDWR | O_CREAT | O_TRUNC;
}

class PosixFiles final : public Files {
  public:
    explicit PosixFiles(std::string directory) : directory_(std::move(directory)) {}

    Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
        Descriptor descriptor(::open(full(path).c_str(), open_flags(how) | O_CLOEXEC, file_mode));
        if (!descriptor.is_open()) {
            return failure();
        }
        return std::make_unique<PosixFile>(std::move(descriptor));
    }
    std::error_code rename(const std::string& from, const std::string& to) override {
        return outcome(::rename(full(from).c_str(), full(to).c_str()));
    }
    std::error_code remove(const std::string& path) override {
        const std::string name = full(path);
        if (::unlink(name.c_str()) == 0) {
            return {};
        }
        return errno == EISDIR ? outcome(::rmdir(name.c_str())) : last_error();
    }
    std::error_code make_directory(const std::string& path) override {
        const std::error_code error = outcome(::mkdir(full(path).c_str(), directory_mode));
        return error == std::errc::file_exists && is_directory(path) ? std::error_code() : error;
    }
    std::error_code sync_directory(const std::string& path) override {
        const Descriptor descriptor(::open(full(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        return descriptor.is_open() ? outcome(::fsync(descriptor.number())) : last_error();
    }
    Result<std::vector<Entry>> list(const std::string& path) override {
        const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(full(path).c_str()), &::closedir);
        if (!directory) {
            return failure();
        }
        std::vector<Entry> entries;
        errno = 0;
        while (const dirent* entry = ::readdir(directory.get())) {
            std::string name = entry->d_name;
            if (name != "." && name != "..") {
                std::string inner = path;
                inner.append(path.empty() ? "" : "/").append(name);
                const bool is_one = entry->d_type == DT_DIR || (entry->d_type == DT_UNKNOWN && is_directory(inner));
                entries.push_back({std::move(name), is_one});
            }
            errno = 0;
        }
        if (errno != 0) {
            return failure();
        }
        std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
        return entries;
    }
    Result<std::unique_ptr<Lock>> lock(const std::string& path) override {
        Descriptor descriptor(::open(full(path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, file_mode));
        if (!descriptor.is_open() || ::flock(descriptor.number(), LOCK_EX | LOCK_NB) != 0) {
            return failure();
        }
        return std::make_unique<PosixLock>(std::move(descriptor));
    }
    Result<std::uint64_t> free_bytes() override {
        struct statvfs status {};
        if (::statvfs(directory_.c_str(), &status) != 0) {
            return failure();
        }
        return std::uint64_t{status.f_bavail} * status.f_frsize;
    }

  private:
    [[nodiscard]] std::string full(const std::string& path) const {
        return path.empty() ? directory_ : directory_ + '/' + path;
    }
    [[nodiscard]] bool is_directory(const std::string& path) const {
        struct stat status {};
        return ::stat(full(path).c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    }

    std::string directory_;
};

}  // namespace

std::unique_ptr<Files> make_posix_files(std::string directory) {
    return std::make_unique<PosixFiles>(std::move(directory));
}

}  // namespace leveret
