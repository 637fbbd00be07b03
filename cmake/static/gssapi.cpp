// Debian's libssh.a refers to GSSAPI (Kerberos), of which Debian has no static library. ec2mpi never uses it:
// each function answers that it is not available, and libssh then does without.

extern "C" {

struct gss_oid_desc;
gss_oid_desc* GSS_C_NT_HOSTBASED_SERVICE = nullptr;
gss_oid_desc* GSS_C_NT_USER_NAME = nullptr;

#define NOT_AVAILABLE(name) \
  unsigned name() {         \
    return 16U << 16U;      \
  } /* GSS_S_UNAVAILABLE, of RFC 2744 */

NOT_AVAILABLE(gss_accept_sec_context)
NOT_AVAILABLE(gss_acquire_cred)
NOT_AVAILABLE(gss_add_oid_set_member)
NOT_AVAILABLE(gss_create_empty_oid_set)
NOT_AVAILABLE(gss_display_name)
NOT_AVAILABLE(gss_display_status)
NOT_AVAILABLE(gss_get_mic)
NOT_AVAILABLE(gss_import_name)
NOT_AVAILABLE(gss_indicate_mechs)
NOT_AVAILABLE(gss_init_sec_context)
NOT_AVAILABLE(gss_inquire_cred)
NOT_AVAILABLE(gss_inquire_cred_by_mech)
NOT_AVAILABLE(gss_release_buffer)
NOT_AVAILABLE(gss_release_cred)
NOT_AVAILABLE(gss_release_name)
NOT_AVAILABLE(gss_release_oid_set)
NOT_AVAILABLE(gss_test_oid_set_member)
NOT_AVAILABLE(gss_verify_mic)
}
