"""ROS messages without ROS: reads any object with the attributes of a message, and fills any such object."""
