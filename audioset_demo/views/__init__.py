"""The Streamlit pages and what they share; the only place that imports streamlit."""
