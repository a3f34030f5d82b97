mod desk;
mod guard;
mod live;
mod pages;
mod rest;
mod sign_in;
