"""The entry in a checkout: navigation, and nothing else. Run it with `streamlit run app.py`."""

from audioset_demo.views import navigation

navigation.show()
