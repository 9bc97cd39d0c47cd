"""The judge as a measuring instrument: its agreement with itself and with others, its noise, and what can be shown with it."""
