#include "ec2mpi/base/gzip.hpp"

#include <zlib.h>
#include <array>
#include <new>

namespace ec2mpi {

namespace {
// zlib.h: 16 added to the window's bits asks for a gzip header and trailer instead of zlib's.
constexpr int kWithGzipHeader = 16;
// zlib's default (memLevel).
constexpr int kBestMemory = 8;
}  // namespace

Gzip::Gzip() : state_(new z_stream{}) {
  auto* stream = static_cast<z_stream*>(state_.get());
  // The level that gzip and `ssh -C` take by default.
  if (::deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kWithGzipHeader, kBestMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
}

/// A void pointer in the header: its readers do not need zlib.h.
void Gzip::Free::operator()(void* state) const {
  auto* stream = static_cast<z_stream*>(state);
  ::deflateEnd(stream);
  delete stream;
}

void Gzip::add(std::string_view bytes, std::string& to) {
  run(bytes, to, false);
}

void Gzip::finish(std::string& to) {
  run({}, to, true);
}

void Gzip::run(std::string_view bytes, std::string& to, bool end) {
  auto* stream = static_cast<z_stream*>(state_.get());
  std::array<char, 32 * 1024> piece;
  // zlib does not write to its input; the type of next_in only lacks the const.
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream->avail_in = static_cast<uInt>(bytes.size());
  do {
    stream->next_out = reinterpret_cast<Bytef*>(piece.data());
    stream->avail_out = piece.size();
    // The result is no news: Z_BUF_ERROR means that there was nothing to do.
    ::deflate(stream, end ? Z_FINISH : Z_NO_FLUSH);
    to.append(piece.data(), piece.size() - stream->avail_out);
    // A full buffer: zlib may hold more output for the same input.
  } while (stream->avail_out == 0);
}

}  // namespace ec2mpi
