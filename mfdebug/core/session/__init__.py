"""Sessions and what is saved of them: scripts, session files, transcripts and demos."""
