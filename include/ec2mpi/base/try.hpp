#pragma once
/// For functions that only hand an error on. TRY and TRY_AS return it from a plain function, CO_TRY and
/// CO_TRY_AS from a coroutine, whose expression then begins with co_await.

#include <expected>
#include <utility>

/// Returns the error of a Result, if it is one.
#define TRY(...)                                                                              \
  do {                                                                                        \
    if (auto tried = (__VA_ARGS__); !tried) return std::unexpected(std::move(tried).error()); \
  } while (false)

/// Declares `name`, the Result of the expression, and returns its error if it is one. Behind it, *name is the
/// value.
#define TRY_AS(name, ...)    \
  auto name = (__VA_ARGS__); \
  if (!(name)) return std::unexpected(std::move(name).error())

#define CO_TRY(...)                                                                              \
  do {                                                                                           \
    if (auto tried = (__VA_ARGS__); !tried) co_return std::unexpected(std::move(tried).error()); \
  } while (false)

#define CO_TRY_AS(name, ...) \
  auto name = (__VA_ARGS__); \
  if (!(name)) co_return std::unexpected(std::move(name).error())
