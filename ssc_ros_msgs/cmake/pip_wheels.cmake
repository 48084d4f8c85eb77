# Lets stock ament_cmake build against the ROS 2 wheels from PyPI. With /opt/ros nothing of this is needed.
# Used as -DCMAKE_PROJECT_INCLUDE=cmake/pip_wheels.cmake, so it runs right after project().

find_package(ament_cmake_core REQUIRED)
get_filename_component(_prefix "${ament_cmake_core_DIR}/../../.." ABSOLUTE)

# rosidl finds its type supports through the ament index, and they their libraries beside it.
file(GLOB _private_libraries "${_prefix}/lib/python3*/site-packages/ros_*.libs")
list(JOIN _private_libraries ":" _private_libraries)
set(ENV{AMENT_PREFIX_PATH} "${_prefix}")
set(ENV{LD_LIBRARY_PATH} "${_prefix}/lib:${_private_libraries}")

# The wheels' exported targets name the Python headers of the machine that built them; CMake refuses paths that do not exist.
function(remove_foreign_includes)
  get_property(_targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(_target IN LISTS _targets)
    get_target_property(_includes ${_target} INTERFACE_INCLUDE_DIRECTORIES)
    if(_includes)
      list(FILTER _includes EXCLUDE REGEX "^/opt/python/")
      set_target_properties(${_target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_includes}")
    endif()
  endforeach()
endfunction()
cmake_language(DEFER CALL remove_foreign_includes)

# The wheels have no tf2_msgs. This file is run for each project(), the inner one too.
if(PROJECT_NAME STREQUAL "ssc_ros_msgs")
  set(CMAKE_PROJECT_INCLUDE "${CMAKE_CURRENT_LIST_FILE}")  # by a path that the inner project finds
  add_subdirectory(tf2_msgs)
endif()
