"""What tests of several folders share: commands in processes of their own, and the projects that they run in."""
