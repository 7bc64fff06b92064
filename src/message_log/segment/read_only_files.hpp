// Files that nothing can change, whoever is given them.
#pragma once

#include "message_log/files.hpp"

namespace leveret {

/// What would change something, lock() included, answers read_only_file_system. Thread-safe as `files` is, which
/// outlives this.
class ReadOnlyFiles final : public Files {
  public:
    explicit ReadOnlyFiles(Files& files) noexcept : files_(files) {}

    [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
        return how == Open::read ? files_.open(path, how) : tl::unexpected(refusal());
    }
    [[nodiscard]] std::error_code rename(const std::string&, const std::string&) override { return refusal(); }
    [[nodiscard]] std::error_code remove(const std::string&) override { return refusal(); }
    [[nodiscard]] std::error_code make_directory(const std::string&) override { return refusal(); }
    [[nodiscard]] std::error_code sync_directory(const std::string&) override { return refusal(); }
    [[nodiscard]] Result<std::vector<Entry>> list(const std::string& path) override { return files_.list(path); }
    [[nodiscard]] Result<std::unique_ptr<Lock>> lock(const std::string&) override { return tl::unexpected(refusal()); }
    [[nodiscard]] Result<std::uint64_t> free_bytes() override { return files_.free_bytes(); }

  private:
    static std::error_code refusal() noexcept { return std::make_error_code(std::errc::read_only_file_system); }

    Files& files_;
};

}  // namespace leveret
