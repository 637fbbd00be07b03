// libfmt for the static build: Debian has only the shared one. These are the functions that fmt's headers declare and leave to
// its library, made from fmt's own file for use without a library.
#include <fmt/format-inl.h>

template FMT_API fmt::detail::locale_ref::locale_ref(const std::locale&);
template FMT_API std::locale fmt::detail::locale_ref::get<std::locale>() const;
template FMT_API fmt::detail::thousands_sep_result<char> fmt::detail::thousands_sep_impl<char>(locale_ref);
template FMT_API char fmt::detail::decimal_point_impl<char>(locale_ref);
