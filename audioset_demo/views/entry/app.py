"""The script that `audioset-demo app` has Streamlit run.

It has a folder of its own: Streamlit reads `.streamlit/config.toml` next to its script, and puts
the script's folder first in the search path for modules.
"""

from audioset_demo.views import navigation

navigation.show()
