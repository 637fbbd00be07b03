#pragma once
/// Owners of libssh's C handles.

#include <libssh/libssh.h>
#include <memory>
#include <string>

namespace ec2mpi::ssh {

struct FreeSession {
  void operator()(ssh_session session) const { ::ssh_free(session); }
};
struct FreeKey {
  void operator()(ssh_key key) const { ::ssh_key_free(key); }
};
struct FreeString {
  void operator()(char* text) const { ::ssh_string_free_char(text); }
};

using SessionHandle = std::unique_ptr<ssh_session_struct, FreeSession>;
using KeyHandle = std::unique_ptr<ssh_key_struct, FreeKey>;
using StringHandle = std::unique_ptr<char, FreeString>;

}  // namespace ec2mpi::ssh
