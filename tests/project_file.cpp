#include "project_file.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace leveret::test {

std::string project_file(const std::string& path) {
    const std::string whole = LEVERET_TOP "/" + path;
    std::ifstream file(whole, std::ios::binary);
    if (!file) {
        throw std::runtime_error("cannot read " + whole);
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace leveret::test
