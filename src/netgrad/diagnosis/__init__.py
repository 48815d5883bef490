"""What is wrong with a network, where, and why: measurements that say it in numbers."""
