"""The script that `audioset-demo app` has Streamlit run.

It has a folder of its own: Streamlit reads `.streamlit/config.toml` beside its script, and puts the
script's folder before all others in the search for modules.
"""

from audioset_demo.views import navigation

navigation.show()
