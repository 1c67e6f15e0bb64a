"""What outlives the app: sessions, scripts, transcripts and demos."""
