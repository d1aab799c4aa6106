"""Arrays to figures; nothing here imports Streamlit."""
