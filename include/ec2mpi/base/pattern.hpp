#pragma once

#include <string_view>

namespace ec2mpi {

/// True if `text` begins as the pattern says. These marks stand for others, any other character for itself:
///   %  a name in small letters    #  a number, or several with commas and dashes    &  a run without blanks
///   a blank: one or more          ~  blanks, if any        *  anything        $  the end of a line
[[nodiscard]] bool begins_as(std::string_view text, std::string_view pattern);

}  // namespace ec2mpi
