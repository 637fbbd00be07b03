// libcurl's functions that ec2mpi calls, looked up in the machine's libcurl.so.4 at their first use: only the commands on
// EC2's API need it. With libcurl and its 20 libraries linked in the usual way, each start of the program took 12.8 ms of
// processor time instead of 8.6. In the static build there is no other way, for Debian's libcurl.a needs libraries that
// have no static form.

#include <curl/curl.h>
#include <dlfcn.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

// These functions have libcurl's own parameters, of which the last with a name is an enumeration.
#pragma GCC diagnostic ignored "-Wvarargs"

namespace {

void* library() {
  static void* const loaded = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  return loaded;
}

template <class Function>
Function* function(const char* name) {
  void* const found = library() == nullptr ? nullptr : ::dlsym(library(), name);
  if (found == nullptr) {
    std::fputs(
        "ec2mpi: the commands on EC2's API need libcurl.so.4 (7.84 or newer), and it is not there; "
        "install libcurl4\n",
        stderr);
    std::_Exit(2);  // nothing was started: it is the first call of all
  }
  return reinterpret_cast<Function*>(found);
}

}  // namespace

#define LOOK_UP(name) static auto* const real = function<decltype(::name)>(#name)

// Each option has one value, of the size of a pointer: a number, an address or a function.
#define ONE_VALUE(last)                \
  va_list values;                      \
  va_start(values, last);              \
  void* value = va_arg(values, void*); \
  va_end(values)

extern "C" {

CURLcode curl_global_init(long flags) {
  LOOK_UP(curl_global_init);
  return real(flags);
}
CURL* curl_easy_init() {
  LOOK_UP(curl_easy_init);
  return real();
}
void curl_easy_cleanup(CURL* easy) {
  LOOK_UP(curl_easy_cleanup);
  real(easy);
}
CURLcode curl_easy_setopt(CURL* easy, CURLoption option, ...) {
  LOOK_UP(curl_easy_setopt);
  ONE_VALUE(option);
  return real(easy, option, value);
}
CURLcode curl_easy_getinfo(CURL* easy, CURLINFO info, ...) {
  LOOK_UP(curl_easy_getinfo);
  ONE_VALUE(info);
  return real(easy, info, value);
}
CURLHcode curl_easy_header(CURL* easy, const char* name, size_t index, unsigned origin, int request,
                           curl_header** header) {
  LOOK_UP(curl_easy_header);
  return real(easy, name, index, origin, request, header);
}
const char* curl_easy_strerror(CURLcode code) {
  LOOK_UP(curl_easy_strerror);
  return real(code);
}
time_t curl_getdate(const char* text, const time_t* unused) {
  LOOK_UP(curl_getdate);
  return real(text, unused);
}
CURLM* curl_multi_init() {
  LOOK_UP(curl_multi_init);
  return real();
}
CURLMcode curl_multi_cleanup(CURLM* multi) {
  LOOK_UP(curl_multi_cleanup);
  return real(multi);
}
CURLMcode curl_multi_add_handle(CURLM* multi, CURL* easy) {
  LOOK_UP(curl_multi_add_handle);
  return real(multi, easy);
}
CURLMcode curl_multi_remove_handle(CURLM* multi, CURL* easy) {
  LOOK_UP(curl_multi_remove_handle);
  return real(multi, easy);
}
CURLMcode curl_multi_setopt(CURLM* multi, CURLMoption option, ...) {
  LOOK_UP(curl_multi_setopt);
  ONE_VALUE(option);
  return real(multi, option, value);
}
CURLMcode curl_multi_socket_action(CURLM* multi, curl_socket_t socket, int events, int* running) {
  LOOK_UP(curl_multi_socket_action);
  return real(multi, socket, events, running);
}
CURLMsg* curl_multi_info_read(CURLM* multi, int* left) {
  LOOK_UP(curl_multi_info_read);
  return real(multi, left);
}
curl_slist* curl_slist_append(curl_slist* list, const char* text) {
  LOOK_UP(curl_slist_append);
  return real(list, text);
}
void curl_slist_free_all(curl_slist* list) {
  LOOK_UP(curl_slist_free_all);
  real(list);
}
}
