// What every example needs and none is about: where the server is, what to do when something fails, how a coroutine
// runs.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <leveret/client.hpp>
#include <leveret/zaichik_client.hpp>

namespace example {

/// $HOST, or this machine.
inline std::string host() {
    const char* const given = std::getenv("HOST");
    return given != nullptr ? given : "127.0.0.1";
}

/// $PORT, or the port that the server listens on unless it is told otherwise.
inline std::uint16_t port() {
    const char* const given = std::getenv("PORT");
    if (given == nullptr) {
        return 8889;
    }
    std::uint16_t port = 0;
    const char* const end = given + std::strlen(given);
    if (std::from_chars(given, end, port).ptr != end || port == 0) {
        throw std::runtime_error(std::string("PORT is \"") + given + "\": give a number from 1 to 65535");
    }
    return port;
}

/// The value of an outcome. An example has no better answer to a failure than to say it and end.
template <class T>
T must(leveret::Outcome<T> outcome) {
    if (!outcome) {
        const leveret::Failure& failure = outcome.error();
        throw std::runtime_error(failure.text.empty() ? failure.code.message() : failure.text);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*outcome);
    }
}

/// Connects and says so in the words of the original client.
inline asio::awaitable<void> connect(leveret::ZaichikClient& client) {
    std::printf("Connecting to %s:%u ...\n", host().c_str(), unsigned{port()});
    must(co_await client.connect(host(), port()));
    std::printf("Established connection to %s:%u\n", host().c_str(), unsigned{port()});
}

/// Runs `body`; answers the exit code of the program.
template <class Body>
int run(Body body) {
    try {
        body();
        return EXIT_SUCCESS;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return EXIT_FAILURE;
    }
}

/// The same for a coroutine: a function that may wait in its middle and let others run meanwhile. The io_context is the
/// loop that resumes it when what it waits for has happened.
inline int run_coroutine(asio::awaitable<void> (*body)()) {
    return run([body] {
        asio::io_context loop;
        std::exception_ptr failure;
        asio::co_spawn(loop, body(), [&failure](std::exception_ptr thrown) { failure = std::move(thrown); });
        loop.run();
        if (failure != nullptr) {
            std::rethrow_exception(failure);
        }
    });
}

}  // namespace example
