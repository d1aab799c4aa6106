"""Arrays to figures; nothing here knows of Streamlit."""
