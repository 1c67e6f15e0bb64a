"""What several tests use: drivers, and judges that share no code with what they judge."""
