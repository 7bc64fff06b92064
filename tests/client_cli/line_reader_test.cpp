#include "line_reader.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include "session.hpp"

using namespace leveret::cli;

namespace {

/// Lines that come through a pipe whose other end has been closed.
class PipedLines {
  public:
    explicit PipedLines(std::string_view text) {
        REQUIRE(::pipe(ends_) == 0);
        REQUIRE(::write(ends_[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        ::close(ends_[1]);
    }
    ~PipedLines() { ::close(ends_[0]); }
    PipedLines(const PipedLines&) = delete;
    PipedLines& operator=(const PipedLines&) = delete;

    std::vector<std::string> read_all() { return loop_.run(read()); }

  private:
    asio::awaitable<std::vector<std::string>> read() {
        LineReader reader(loop_.context().get_executor(), ends_[0]);
        std::vector<std::string> lines;
        for (bool more = true; more;) {
            while (const auto line = reader.try_next()) {
                lines.emplace_back(*line);
            }
            more = co_await reader.read_more();
        }
        CHECK_FALSE(reader.failure());
        co_return lines;
    }

    int ends_[2] = {-1, -1};
    InlineLoop loop_;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("LineReader: lines come without their newlines, empty ones too") {
    CHECK(PipedLines("a\n\nbc\n").read_all() == Lines{"a", "", "bc"});
}

TEST_CASE("LineReader: the last line may lack its newline") {
    CHECK(PipedLines("a\nb").read_all() == Lines{"a", "b"});
}

TEST_CASE("LineReader: no input is no line") {
    CHECK(PipedLines("").read_all().empty());
}

TEST_CASE("LineReader: a regular file, which cannot be waited for, is read as well") {
    char path[] = "/tmp/leveret-lines-XXXXXX";
    const int file = ::mkstemp(path);
    ::unlink(path);
    REQUIRE(::write(file, "x\ny\n", 4) == 4);
    ::lseek(file, 0, SEEK_SET);
    InlineLoop loop;
    LineReader reader(loop.context().get_executor(), file);
    CHECK(loop.run(reader.read_more()));
    CHECK(reader.try_next() == "x");
    CHECK(reader.try_next() == "y");
    CHECK_FALSE(loop.run(reader.read_more()));
    ::close(file);
}
