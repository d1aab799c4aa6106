"""The Streamlit pages and what they share; only this package imports streamlit."""
